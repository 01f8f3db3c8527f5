"""QEMU guests for the data plane's tests: the guest image's kernel and modules, busybox and iperf3 in an initial RAM disk, and a
shell on the serial line. Emulated, so that they run anywhere."""
import contextlib
import glob
import os
import shutil
import socket
import subprocess
import tempfile

from lab import expect, run, wait_for

SOURCE = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../.."))
FIRST_MIB = 1 << 20  # where the image's boot partition begins

# Reads commands from the serial line; each answer ends with a line that no command prints.
INIT = """#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
for module in virtio_pci virtio_net; do modprobe $module; done
exec 0</dev/ttyS0 1>/dev/ttyS0 2>&1
stty -echo -onlcr
echo "### ready"
while read -r line; do
  eval "$line"
  echo "### $?"
done
"""


def guest_image(lab):
    """The node's, if there is one; else a new one."""
    known = glob.glob(os.path.join(os.environ.get("HANOK_STATE", "/nonexistent"), "guest", "cirros-*.img"))
    if known:
        return known[0]
    image = os.path.join(lab.folder, "guest.img")
    run(os.path.join(SOURCE, "deploy/guest/build"), image, os.path.join(lab.folder, "guest-build"), timeout=300)
    return image


class GuestFiles:
    """Kernel and initial RAM disk, made once per test."""

    def __init__(self, lab):
        image = guest_image(lab)
        self.kernel, self.disk = os.path.join(lab.folder, "vmlinuz"), os.path.join(lab.folder, "initrd")
        run("mcopy", "-o", "-i", f"{image}@@{FIRST_MIB}", "::vmlinuz", self.kernel)
        tree = os.path.join(lab.folder, "tree")
        for folder in ("bin", "dev", "proc", "sys", "tmp", "lib64", "lib"):
            os.makedirs(os.path.join(tree, folder))
        self._from_root(lab, image, tree)
        self._program(shutil.which("iperf3"), tree)
        with open(os.path.join(tree, "init"), "w", encoding="utf-8") as file:
            file.write(INIT)
        os.chmod(os.path.join(tree, "init"), 0o755)
        run("sh", "-c", f"cd {tree} && find . | cpio --quiet -o -H newc --owner=0:0 >{self.disk}")

    @staticmethod
    def _from_root(lab, image, tree):
        """busybox and the modules of the image's root file system."""
        table = run("sfdisk", "-d", image).stdout.splitlines()[-1]
        start = int(table.split("start=")[1].split(",")[0])
        root = os.path.join(lab.folder, "root.img")
        run("dd", f"if={image}", f"of={root}", "bs=512", f"skip={start}", "status=none")
        run("debugfs", "-R", f"dump /bin/busybox {tree}/bin/busybox", root)
        run("debugfs", "-R", f"rdump /lib/modules {tree}/lib", root)
        os.chmod(os.path.join(tree, "bin/busybox"), 0o755)
        os.unlink(root)

    @staticmethod
    def _program(path, tree):
        expect(path, "iperf3 is not installed")
        shutil.copy(path, os.path.join(tree, "bin"))
        for line in run("ldd", path).stdout.splitlines():
            library = next((word for word in line.split() if word.startswith("/")), None)
            if library:
                folder = "lib64" if "ld-linux" in library else "lib"
                shutil.copy(os.path.realpath(library), os.path.join(tree, folder, os.path.basename(library)))


class GuestVm:
    """A guest on a vhost-user port; `options` go to its network device ("host_tso4=off")."""

    def __init__(self, lab, files, name, port, address, mtu, options=""):
        self.lab, self.name, self.waiting = lab, name, b""
        folder = tempfile.mkdtemp(dir=lab.folder)
        serial = os.path.join(folder, "serial")
        self.log = os.path.join(folder, "qemu.log")
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-nodefaults", "-display", "none", "-no-reboot", "-m",
                 "160", "-object", "memory-backend-memfd,id=memory,size=160M,share=on", "-machine",
                 "pc,memory-backend=memory", "-kernel", files.kernel, "-initrd", files.disk, "-append",
                 "console=ttyS1 quiet loglevel=1 nokaslr mitigations=off", "-chardev",
                 f"socket,id=serial,path={serial},server=on,wait=off", "-serial", "chardev:serial", "-chardev",
                 f"socket,id=net,path={port['device']['socket']},server=on", "-netdev",
                 "vhost-user,id=net,chardev=net,vhostforce=on", "-device",
                 # Under TCG, QEMU 7.2 crashes with vhost-user devices unless MSI-X is off.
                 f"virtio-net-pci,netdev=net,mac={port['mac']},vectors=0{',' if options else ''}{options}"],
                stdout=log, stderr=log, start_new_session=True)
        lab.defer(self.stop)
        self.address, self.mtu = address, mtu
        self.line = socket.socket(socket.AF_UNIX)

        def open_line():  # before the guest says anything: it would be lost
            expect(self.process.poll() is None, f"{self.name} ended:\n{self._log()}")
            with contextlib.suppress(OSError):
                self.line.connect(serial)
                return True
            return False
        wait_for(open_line, f"the serial line of {name}", 30)

    def ready(self):
        """Waits for the guest's shell; gives it its address."""
        self._answer(120)
        self.run(f"ip link set eth0 mtu {self.mtu} up && ip address add {self.address} dev eth0 && ip link set lo up")

    def _log(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()

    def _answer(self, seconds):
        """What was printed until the end of the command, and what it said last."""
        self.line.settimeout(seconds)
        while b"### " not in self.waiting or not self.waiting.endswith(b"\n"):
            try:
                more = self.line.recv(65536)
            except TimeoutError:
                raise AssertionError(f"{self.name} says nothing: {self.waiting[-500:]!r}\n{self._log()}") from None
            expect(more, f"{self.name} is gone: {self.waiting[-500:]!r}\n{self._log()}")
            self.waiting += more
        text, _, status = self.waiting.decode(errors="replace").rpartition("### ")
        self.waiting = b""
        return text, status.strip()

    def begin(self, command):
        self.line.sendall(command.encode() + b"\n")

    def end(self, seconds=60):
        text, status = self._answer(seconds)
        expect(status == "0", f"{self.name}: status {status}\n{text}")
        return text

    def run(self, command, seconds=60):
        self.begin(command)
        return self.end(seconds)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
