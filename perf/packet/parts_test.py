"""The suite's own parts: bad captures are refused, wrong frames are found."""
import argparse
import importlib.machinery
import importlib.util
import os
import struct
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import captures  # noqa: E402
import dhcp  # noqa: E402
import scenarios  # noqa: E402
import verify  # noqa: E402

RUN = os.path.join(os.path.dirname(os.path.realpath(__file__)), "run")


class Captures(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "a.pcap")

    def refused(self, what):
        with self.assertRaisesRegex(captures.BadCapture, what):
            captures.read(self.path)

    def test_reads_what_it_wrote(self):
        frames = list(captures.make(24, "imix", scenarios.ALL["vlan-l2"].generator()))
        captures.write(self.path, frames)
        self.assertEqual(captures.read(self.path), frames)
        self.assertEqual([len(frame) for frame in frames[:12]], list(captures.IMIX))

    def test_refuses_an_empty_one(self):
        captures.write(self.path, [])
        self.refused("holds no frames")

    def test_refuses_frames_that_are_too_long(self):
        captures.write(self.path, [bytes(60), bytes(9000)])
        self.refused("frame 2 has 9000 bytes")

    def test_refuses_one_that_is_cut_or_none(self):
        captures.write(self.path, [bytes(60)])
        with open(self.path, "r+b") as file:
            file.truncate(24 + 16 + 30)
        self.refused("cut after 0 frames")
        with open(self.path, "wb") as file:
            file.write(b"no capture at all, but long enough to be one")
        self.refused("not a capture")

    def test_the_program_refuses_them(self):
        captures.write(self.path, [])
        done = subprocess.run([sys.executable, RUN, "--scenario", "snat", "--capture", self.path], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("holds no frames", done.stdout)


class Verify(unittest.TestCase):
    def test_finds_one_wrong_byte(self):
        for name in ("vlan-l2", "snat", "floating-ip", "sg-route-vxlan-in", "ipv6-sg-route-vxlan"):
            scenario = scenarios.ALL[name]
            sent = list(captures.make(20, "64", scenario.generator()))
            right = [self.outer(scenario) + scenario.expected(frame) for frame in sent]
            verify.check_frames(scenario, sent, right * 2)
            wrong = bytearray(right[0])
            wrong[-1] ^= 1
            with self.assertRaises(verify.Wrong, msg=name):
                verify.check_frames(scenario, sent, right * 2 + [bytes(wrong)])

    def test_finds_frames_that_are_missing(self):
        scenario = scenarios.ALL["snat"]
        sent = list(captures.make(20, "64", scenario.generator()))
        right = [scenario.expected(frame) for frame in sent]
        with self.assertRaisesRegex(verify.Wrong, "did not come out"):
            verify.check_frames(scenario, sent, right[:10] * 4)

    @staticmethod
    def outer(scenario):
        if not scenario.vxlan:
            return b""
        inner = 62 if scenario.name.startswith("ipv6") else 60
        udp = inner + 16
        return captures.mac(scenarios.OTHER_VTEP_MAC) + captures.mac(scenarios.VTEP_MAC) + b"\x08\x00" + \
            captures.ipv4_header(captures.ip(scenarios.VTEP), captures.ip(scenarios.OTHER_VTEP), 17, udp, 64) + \
            struct.pack("!HHHH", 50000, 4789, udp, 0) + struct.pack("!II", 0x08000000, scenario.vni << 8)


class AbsentPeers(unittest.TestCase):
    def test_are_named_and_left_out(self):
        loader = importlib.machinery.SourceFileLoader("suite", RUN)
        suite = importlib.util.module_from_spec(importlib.util.spec_from_loader("suite", loader))
        loader.exec_module(suite)
        options = argparse.Namespace(binary="/bin/true", other=None, system=None)
        document = {"left_out": {}}
        with mock.patch("ovs.DAEMON", "/nonexistent"), mock.patch("testpmd.shutil.which", lambda name: None), \
                mock.patch("builtins.print") as said:
            there = suite.systems_of(mock.Mock(folder="/tmp"), options, document)
        self.assertEqual([one.name for one in there], ["hanok"])
        self.assertIn("openvswitch-switch-dpdk", document["left_out"]["ovs-dpdk"])
        self.assertIn("dpdk-dev", document["left_out"]["testpmd"])
        self.assertEqual(said.call_count, 2)

    def test_are_no_win(self):
        import turns
        result = {"systems": {"hanok": {"us": 1.0}, "ovs-dpdk": {"void": "not there", "us": 9.0}}}
        self.assertEqual(turns.ratios(result, "us", less_is_better=True), {})


class Answers(unittest.TestCase):
    """What dhcp.py takes for right."""

    @staticmethod
    def answer(xid, kind, **changed):
        from scapy.all import BOOTP, DHCP, Ether, IP, UDP
        options = {"server_id": dhcp.SERVER, "lease_time": 86400, "renewal_time": 43200, "rebinding_time": 75600,
                   "subnet_mask": "255.255.255.0", "broadcast_address": "10.0.0.255", "router": dhcp.SERVER,
                   "name_server": "192.0.2.53", "interface-mtu": 1450, **changed}
        client = bytes.fromhex(scenarios.GUEST_MAC.replace(":", ""))
        return bytes(Ether(src=scenarios.ROUTER_MAC, dst=scenarios.GUEST_MAC) / IP(src=dhcp.SERVER, dst=scenarios.GUEST) /
                     UDP(sport=67, dport=68) / BOOTP(op=2, xid=xid, yiaddr=scenarios.GUEST, chaddr=client) /
                     DHCP(options=[("message-type", kind), *options.items(),
                                   ("classless_static_routes", ["0.0.0.0/0:" + dhcp.SERVER]), "end"]))

    def test_takes_the_right_ones(self):
        right = [self.answer(xid, kind) for xid in (1, 2) for kind in (2, 5)]
        self.assertEqual(dhcp.check_answers(right, 2), 4)

    def test_finds_one_wrong_option_byte_or_missing_answer(self):
        right = [self.answer(1, 2), self.answer(1, 5)]
        for wrong in (self.answer(1, 5, router="10.0.0.2"), self.answer(1, 6), right[1][:-1] + b"\x01"):
            with self.assertRaisesRegex(RuntimeError, "wrong"):
                dhcp.check_answers([right[0], wrong], 1)
        with self.assertRaisesRegex(RuntimeError, "1 of 2 answers did not come"):
            dhcp.check_answers(right[:1], 1)

    def test_asks_what_a_client_asks(self):
        from scapy.all import BOOTP, DHCP, Ether
        asked = [Ether(frame) for frame in dhcp.questions(3)]
        self.assertEqual([(one[BOOTP].xid, one[DHCP].options[0][1]) for one in asked],
                         [(xid, kind) for xid in (1, 2, 3) for kind in (1, 3)])


if __name__ == "__main__":
    unittest.main()
