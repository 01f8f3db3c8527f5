"""A laboratory for the data plane: namespaces as guests and peers, data planes of their own, and all of it gone at the end.

A test is a script: `with Lab() as lab:` builds what it needs, runs it and asserts. Names are unique per run, so that two
runs do not meet. What is missing on the machine (a program, a right) fails the test.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BIN = os.environ.get("HANOK_BIN", "build/release/bin")
WORKERS = int(os.environ.get("HANOK_TEST_WORKERS", "1"))  # of each data plane
ANY_IPV4 = {"ethertype": "IPv4"}


def run(*command, check=True, timeout=30, input=None):
    """Runs a command; its output is part of the failure."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
                          input=input)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")
    return done


def wait_for(condition, what, seconds=10.0):
    """The first true value of condition(); fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


class Namespace:
    def __init__(self, lab, name):
        self.lab, self.name, self.netns = lab, name, f"h{lab.tag}-{name}"
        run("ip", "netns", "add", self.netns)
        lab.defer(lambda: run("ip", "netns", "del", self.netns, check=False))
        # Its own multicast chatter would be counted with the frames of a test.
        self.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv6.conf.all.disable_ipv6=1")
        self.run("ip", "link", "set", "lo", "up")

    def enable_ipv6(self, interface="eth0"):
        """Linux as it comes: a link-local address and its chatter."""
        self.run("sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=0")

    def run(self, *command, check=True, timeout=30, input=None):
        return run("ip", "netns", "exec", self.netns, *command, check=check, timeout=timeout, input=input)

    def start(self, *command, **options):
        """A process in the background; stopped at the end."""
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.STDOUT)
        options.setdefault("start_new_session", True)  # what a shell has started ends with it
        process = subprocess.Popen(["ip", "netns", "exec", self.netns, *command], **options)
        self.lab.defer(lambda: stop(process))
        return process

    def ping(self, address, count=3, seconds=5, size=56):
        """How many of `count` echo requests, one after the other, were answered within `seconds` each.

        A ping of several requests gives up two round trips after its last one if any was answered, whatever -W says: on
        a machine that stands still for a moment a late answer would be a lost one. The identifier keeps them one flow.
        """
        self.lab.pings += 1
        one = ("ping", "-n", "-c", "1", "-e", str(self.lab.pings), "-W", str(seconds), "-s", str(size), address)
        return sum(" bytes from " in self.run(*one, check=False, timeout=seconds + 30).stdout for _ in range(count))

    def silent(self, address, count=2):
        """No echo request is answered. What must not come is not waited for as long as what must."""
        return self.ping(address, count, seconds=1) == 0

    def echoes(self):
        """How many echo requests have come."""
        return int(re.search(r"IcmpInEchos\s+(\d+)", self.run("nstat", "-asz", "IcmpInEchos").stdout).group(1))

    def iperf3(self, server, address, *options):
        """A run of iperf3 to a server of its own in namespace `server`: one that still ends a run refuses the next."""
        process = server.start("iperf3", "-s", "-1", "-B", address)
        wait_for(lambda: process.poll() is not None or ":5201 " in server.run("ss", "-tln").stdout, "iperf3's server")
        report = json.loads(self.run("iperf3", "-c", address, "-J", *options, timeout=60).stdout)
        wait_for(lambda: process.poll() is not None, "the end of iperf3's server", 30)
        return report["end"]

    def python(self, code, timeout=30):
        """Runs Python with scapy in the namespace; gives what it printed."""
        return self.run("/usr/bin/python3", "-c", "from scapy.all import *\nconf.verb = 0\n" + code,
                        timeout=timeout).stdout

    def send(self, packet, interface="eth0", count=1):
        """Sends a frame, a scapy expression, by `interface`."""
        self.python(f"sendp({packet}, iface={interface!r}, count={count})")


def stop(process):
    """Ends a process of Namespace.start and those that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class DataPlane:
    def __init__(self, lab, name, arguments):
        self.folder = os.path.join(lab.folder, name)
        os.makedirs(self.folder, exist_ok=True)
        self.socket_path = os.path.join(self.folder, "dataplane.sock")
        self.log_path = os.path.join(self.folder, "log")
        cpus = sorted(os.sched_getaffinity(0))
        expect(len(cpus) >= WORKERS, f"{WORKERS} workers need as many CPUs; there are {len(cpus)}")
        self.arguments = ["--lcores", ",".join(map(str, cpus[:WORKERS])), *arguments]
        self.lab, self.process, self.connection = lab, None, None
        lab.defer(self.kill)
        self.start()

    def start(self):
        with open(self.log_path, "a", encoding="utf-8") as log:
            for _ in range(1000):
                self.process = subprocess.Popen(
                    [os.path.join(BIN, "hanok-dataplane"), "--socket", self.socket_path, *self.arguments],
                    stdout=log, stderr=log)
                if not self.lab.fanout_collides(self.process.pid):
                    break
                self.kill()

        def ready():
            expect(self.process.poll() is None, "the data plane ended:\n" + self.log())
            with contextlib.suppress(OSError):
                return self.connect()
            return False
        wait_for(ready, "the control socket", 60)

    def connect(self):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(20)
        self.connection.connect(self.socket_path)
        self.reader = self.connection.makefile("r", encoding="utf-8")
        return True

    def log(self):
        with open(self.log_path, encoding="utf-8") as log:
            return log.read()

    def ask(self, method, **params):
        """The answer's whole object: result or error."""
        self.connection.sendall((json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}) +
                                 "\n").encode())
        return json.loads(self.reader.readline())

    def call(self, method, **params):
        answer = self.ask(method, **params)
        expect("result" in answer, f"{method}: {answer.get('error')}")
        return answer["result"]

    def put(self, state):
        return self.call("state.put", state=state)

    def apply(self, changes):
        return self.call("state.apply", base_generation=self.call("state.generation")["generation"], changes=changes)

    def counters(self, device):
        answer = self.call("counters", port=device)
        return answer["ports"].get(device) or answer["uplinks"][device]

    def drops(self, device, reason):
        return self.counters(device)["drops"].get(reason, 0)

    def captured(self, device, act, count, bytes_each):
        """The first frames, in and out, while `act` runs."""
        number = self.call("capture.start", port=device, count=count, bytes=bytes_each)["capture"]
        act()
        seen = self.call("capture.read", capture=number)["frames"]
        self.call("capture.stop", capture=number)
        return seen

    def terminate(self):
        """SIGTERM; gives the exit status."""
        self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Lab:
    def __enter__(self):
        self.tag = f"{os.getpid():x}"
        self.folder = tempfile.mkdtemp(prefix="hanok-lab-")
        self.cleanups, self.devices, self.planes, self.pings, self.captures = [], 0, [], 0, {}
        for program in ("ip", "ping", "ethtool"):
            expect(shutil.which(program), f"{program} is not installed")
        expect(os.geteuid() == 0, "only root can make namespaces")
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            for plane in self.planes:
                print(f"--- log of {plane.folder}\n{plane.log()[-4000:]}")
                with contextlib.suppress(Exception):
                    print(json.dumps(plane.call("counters"), indent=1))
        for cleanup in reversed(self.cleanups):
            with contextlib.suppress(Exception):
                cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)
        return False

    def defer(self, cleanup):
        self.cleanups.append(cleanup)

    def namespace(self, name):
        return Namespace(self, name)

    def _interface(self):
        self.devices += 1
        return f"h{self.tag}v{self.devices}"

    def plug(self, namespace, mac=None, interface="eth0"):
        """A veth into the namespace; gives the device string of the data plane's end."""
        ours = self._interface()
        run("ip", "link", "add", ours, "type", "veth", "peer", "name", interface, "netns", namespace.netns)
        self.defer(lambda: run("ip", "link", "del", ours, check=False))
        if mac:
            namespace.run("ip", "link", "set", interface, "address", mac)
        # The kernel would leave checksums to a device that is none.
        namespace.run("ethtool", "-K", interface, "tx", "off")
        self._quiet(ours)
        namespace.run("ip", "link", "set", interface, "up")
        return self._device(self.devices, ours)

    def wire(self):
        """A veth between two data planes: two device strings and the names of the ends, for captures."""
        one, other = self._interface(), self._interface()
        run("ip", "link", "add", one, "type", "veth", "peer", "name", other)
        self.defer(lambda: run("ip", "link", "del", one, check=False))
        self._quiet(one)
        self._quiet(other)
        return self._device(self.devices - 1, one), self._device(self.devices, other), one, other

    def fanout_collides(self, pid):
        """DPDK names the fanout group of an AF_PACKET socket by pid ^ interface index, and the kernel refuses a group of another
        interface (EINVAL): two processes of one network namespace may not have the same."""
        indices = [socket.if_nametoindex(name) for _, name in socket.if_nameindex() if name.startswith(f"h{self.tag}")]
        between = {one ^ other for one in indices for other in indices}
        return any(pid ^ plane.process.pid in between for plane in self.planes
                   if plane.process.pid != pid and plane.process.poll() is None)

    @staticmethod
    def _device(number, interface):
        """With as many queue pairs as there are workers; the kernel spreads what arrives by a hash of the flow."""
        return f"net_af_packet{number},iface={interface},qpairs={WORKERS}"

    @staticmethod
    def _quiet(interface):
        run("sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1")
        run("ethtool", "-K", interface, "tx", "off")
        run("ip", "link", "set", interface, "up")

    def guest(self, name, port, address=None):
        """A namespace that plays the guest of `port` (of a State), with its address if one is given."""
        namespace = self.namespace(name)
        port["device"] = {"type": "dpdk", "device": self.plug(namespace, port["mac"])}
        if address:
            namespace.run("ip", "address", "add", address, "dev", "eth0")
        return namespace

    def dataplane(self, state=None, name="a", arguments=("--no-huge", "--huge-mib", "96")):
        plane = DataPlane(self, name, list(arguments))
        self.planes.append(plane)
        if state is not None:
            plane.put(state)
        return plane

    def capture(self, interface, expression, namespace=None):
        """tcpdump, running when this returns; read it with frames(), as it grows or after end_capture(). It sees what
        arrives at the interface: what the data plane sends passes by the host's taps, so its frames are captured at
        the other end."""
        path = os.path.join(self.folder, f"{interface}-{len(self.cleanups)}.pcap")
        inside = ["ip", "netns", "exec", namespace.netns] if namespace else []
        process = subprocess.Popen([*inside, "tcpdump", "-i", interface, "-U", "-w", path, expression],
                                   stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.captures[path] = process
        self.defer(lambda: self.end_capture(path))
        expect("listening" in process.stderr.readline(), "tcpdump does not start")
        return path

    def end_capture(self, path):
        """The file is whole and stays as it is after this."""
        if path in self.captures:
            stop(self.captures.pop(path))


def frames(path):
    """What a capture holds, as scapy packets."""
    from scapy.all import rdpcap  # pylint: disable=import-outside-toplevel
    try:
        return rdpcap(path)
    except Exception:  # an empty file is no capture yet
        return []


def state(generation=1, node="node1", vtep=None):
    """An empty state document."""
    return {"generation": generation, "node": {"name": node, "vtep": vtep}, "host": {}, "uplink": {}, "network": {},
            "subnet": {}, "port": {}, "security_group": {"open": open_group()}, "router": {}, "floating_ip": {}}


def open_group():
    return {"rules": [{"id": f"{direction}-{ethertype}", "direction": direction, "ethertype": ethertype}
                      for direction in ("ingress", "egress") for ethertype in ("IPv4", "IPv6")]}


def network(*segments, mtu=1500, external=False):
    return {"mtu": mtu, "segments": list(segments), "external": external, "dns_domain": ""}


def subnet(network_id, cidr, gateway=None, dhcp=True, dns=()):
    return {"network": network_id, "cidr": cidr, "gateway": gateway, "dhcp": dhcp, "dns": list(dns), "host_routes": []}


def port(network_id, number, subnet_id, ip, groups=("open",), host="node1"):
    return {"network": network_id, "mac": f"fa:16:3e:00:00:{number:02x}",
            "addresses": [{"subnet": subnet_id, "ip": ip}], "host": host, "hostname": f"vm{number}",
            "security_groups": list(groups), "port_security": True, "allowed_address_pairs": [], "admin_up": True}


def vxlan(vni):
    return {"type": "vxlan", "vni": vni}


def vlan(vlan_id, physical_network="physnet1"):
    return {"type": "vlan", "physical_network": physical_network, "vlan_id": vlan_id}


def routed_state(*gateway_addresses):
    """Guests p1 and p2 in network a, behind a router that translates to these addresses of the external network x."""
    out = state()
    out["network"]["a"] = network()
    out["network"]["x"] = network({"type": "flat", "physical_network": "external"}, external=True)
    out["subnet"]["sa"] = subnet("a", "10.0.1.0/24", gateway="10.0.1.1")
    out["subnet"]["sx"] = subnet("x", "203.0.113.0/24", gateway="203.0.113.1", dhcp=False)
    out["port"]["p1"] = port("a", 1, "sa", "10.0.1.11")
    out["port"]["p2"] = port("a", 2, "sa", "10.0.1.12")
    out["router"]["r"] = {
        "admin_up": True, "routes": [],
        "interfaces": [{"port": "ra", "network": "a", "mac": "fa:16:3e:00:01:01",
                        "addresses": [{"subnet": "sa", "ip": "10.0.1.1"}]}],
        "gateway": {"port": "rg", "network": "x", "mac": "fa:16:3e:00:01:03", "snat": True, "host": "node1",
                    "addresses": [{"subnet": "sx", "ip": address} for address in gateway_addresses]}}
    return out
