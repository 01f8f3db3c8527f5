"""What the suite borrows of the machine, and gives back: huge pages, a network namespace, processes; and its clocks."""
import contextlib
import ctypes
import mmap
import os
import signal
import subprocess
import tempfile
import shutil
import time

PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/"


class Missing(Exception):
    """A peer that is not installed, or a machine that has too little of something."""


def number(path):
    with open(path, encoding="ascii") as file:
        return int(file.read())


def run(*command, check=True, timeout=60, env=None, input=None):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
                              env=env, input=input)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{' '.join(command)}: not within {timeout} s") from None
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout.strip()}")
    return done.stdout


def wait_for(condition, what, seconds=30.0):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.005)


def tsc_hz():
    """Counts TSC ticks against the kernel's clock for a moment."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\x0f\x31\x48\xc1\xe2\x20\x48\x09\xd0\xc3")  # rdtsc; the halves joined; ret
    read = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    begin, ticks = time.monotonic_ns(), read()
    time.sleep(0.3)
    return (read() - ticks) * 1e9 / (time.monotonic_ns() - begin)


class Machine:
    def __enter__(self):
        if os.geteuid() != 0:
            raise Missing("only root can reserve huge pages and make namespaces")
        self.folder = tempfile.mkdtemp(prefix="hanok-perf-", dir="/dev/shm")
        self.netns, self.added, self.processes = f"hperf{os.getpid()}", 0, []
        run("ip", "netns", "add", self.netns)
        self.inside("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")  # no chatter of taps
        self.inside("ip", "link", "set", "lo", "up")
        self.tsc_hz = tsc_hz()
        cpus = sorted(os.sched_getaffinity(0))
        self.worker_cpu, self.control_cpu = cpus[-1], cpus[0]
        return self

    def __exit__(self, kind, error, trace):
        for process in self.processes:
            process.stop()
        with contextlib.suppress(Exception):
            run("ip", "netns", "del", self.netns)
        if self.added:
            total = number(PAGES + "nr_hugepages")
            self._set_pages(max(0, total - self.added))
        shutil.rmtree(self.folder, ignore_errors=True)
        return False

    @staticmethod
    def _set_pages(count):
        with open(PAGES + "nr_hugepages", "w", encoding="ascii") as file:
            file.write(str(count))

    def need_pages(self, mib):
        """Makes sure that so many MiB of huge pages are free; what is added is given back at the end."""
        wanted = -(-mib // 2)
        missing = wanted - number(PAGES + "free_hugepages")
        if missing <= 0:
            return
        with open("/proc/meminfo", encoding="ascii") as file:
            available = next(int(line.split()[1]) // 1024 for line in file if line.startswith("MemAvailable"))
        if missing * 2 > available * 0.7:
            raise Missing(f"{missing * 2} MiB more of huge pages are too many for {available} MiB of available memory")
        total = number(PAGES + "nr_hugepages")
        self._set_pages(total + missing)
        self.added += number(PAGES + "nr_hugepages") - total
        if number(PAGES + "free_hugepages") < wanted:
            raise Missing(f"only {number(PAGES + 'free_hugepages')} of {wanted} huge pages of 2 MiB could be reserved")

    def inside(self, *command, **options):
        return run("ip", "netns", "exec", self.netns, *command, **options)

    def start(self, *command, log, env=None, stdin=None):
        process = Process(["ip", "netns", "exec", self.netns, *command], log, env, stdin)
        self.processes.append(process)
        return process


def prefer(pid, nice=-19):
    """Before ordinary processes: the others of a busy machine get what is left."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as file:
        file.write(str(nice))  # its session is a scheduling group of its own
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, int(task), nice)


class Process:
    """A process that can be held still, so that only one of several has the CPU while it is measured."""

    def __init__(self, command, log, env=None, stdin=None):
        self.log_path = log
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(command, stdout=out, stderr=out, env=env, stdin=stdin,
                                          start_new_session=True)  # Ctrl-C is ours to handle
        self.pid = self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def must_live(self):
        if not self.alive():
            raise RuntimeError(f"ended with {self.popen.returncode}:\n{self.log()[-1500:]}")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def prefer(self, nice=-19):
        prefer(self.pid, nice)

    def hold(self):
        if self.alive():
            self.popen.send_signal(signal.SIGSTOP)

    def go(self):
        if self.alive():
            self.popen.send_signal(signal.SIGCONT)

    def cpu_ns(self):
        """CPU time of each thread; lags by a scheduler tick at most."""
        out = {}
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{self.pid}/task/{task}/schedstat", encoding="ascii") as file:
                out[task] = int(file.read().split()[0])
        return out

    def stop(self):
        if self.alive():
            self.go()
            self.popen.terminate()
            try:
                self.popen.wait(10)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()


def window(process, packets, seconds):
    """Packets and CPU nanoseconds of the busiest thread, over `seconds` of wall time."""
    def sample():
        before = process.cpu_ns()
        count = packets()
        after = process.cpu_ns()
        return count, {task: (before[task] + after[task]) / 2 for task in before if task in after}, time.monotonic()
    first, cpu, begin = sample()
    time.sleep(seconds)
    last, cpu_after, end = sample()
    busiest = max(cpu_after[task] - cpu[task] for task in cpu if task in cpu_after)
    if last <= first or busiest <= 0:
        raise RuntimeError("nothing came out")
    return last - first, busiest, end - begin


class Forwarder:
    """What is measured: `process` with one busy thread, and packets(), what left it so far."""

    process = None
    feeder = None  # a process that sends by virtio-user what net_pcap cannot keep

    def measure(self, seconds):
        return window(self.process, self.packets, seconds)

    def lost(self):
        """Frames refused by name while it is watched; those who do not name them: none."""
        return {}

    def hold(self):
        self.process.hold()
        if self.feeder:
            self.feeder.hold()

    def go(self):
        if self.feeder:
            self.feeder.go()
        self.process.go()

    def stop(self):
        if self.feeder is not None:
            self.feeder.stop()
            self.feeder = None
        if self.process is not None:
            self.process.stop()
            self.process = None
