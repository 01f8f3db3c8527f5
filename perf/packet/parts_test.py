"""The suite's own parts: bad captures are refused, wrong frames are found."""
import os
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import captures  # noqa: E402
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


if __name__ == "__main__":
    unittest.main()
