"""The suite's own parts: medians, targets, what absent and void systems say."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import control  # noqa: E402
import systems  # noqa: E402
import table  # noqa: E402


def turn(iops, p99=100.0, cpu=10.0):
    return {**dict.fromkeys(table.METRICS, 1.0), "iops": iops, "p99_us": p99, "cpu_us_per_io": cpu}


class Targets(unittest.TestCase):
    def met(self, scenario, **named):
        found = {name.replace("_", "-"): one for name, one in named.items()}
        return {one["target"]: one["met"] for one in table.targets(scenario, found)}

    def test_median_and_spread(self):
        entry = table.medians([turn(10), turn(30), turn(20)])
        self.assertEqual((entry["iops"], entry["iops_min"], entry["iops_max"], entry["rounds"]), (20, 10, 30, 3))

    def test_met_and_missed(self):
        said = self.met("randread-4k-qd32", hanok=turn(96, 90, 8), fio_rbd=turn(100), qemu_storage_daemon=turn(90))
        self.assertEqual(list(said.values()), [True, True, True, False])

    def test_the_cpu_only_at_depth_32(self):
        said = self.met("randread-4k-qd1", hanok=turn(96), qemu_storage_daemon=turn(90))
        self.assertEqual(len(said), 2)

    def test_void_and_absent_are_no_win(self):
        self.assertEqual(self.met("randread-4k-qd32", hanok=turn(96), qemu_storage_daemon={"void": "absent"}), {})
        rows = list(table.rows({"scenario": "x", "systems": {"fio-rbd": {"void": "absent"}}}))
        self.assertIn("VOID  absent", rows[0])

    def test_what_a_scenario_has_so_far(self):
        line = table.so_far({"scenario": "x", "systems": {"hanok": turn(96), "fio-rbd": {**turn(9), "void": "gone"}}})
        self.assertEqual(line.split(None, 1), ["x", "IOPS so far: hanok 96, fio-rbd VOID"])


class ControlRows(unittest.TestCase):
    def row(self, **result):
        return control.row({"scenario": "snapshot", "turns": 1, "median_s": 0.2, "min_s": 0.1, "max_s": 0.3, **result})

    def test_missed_is_said_and_void_is_no_win(self):
        self.assertIn("200.0 ms   100.0 ms   300.0 ms   100 ms   1000 ms  MISSED", self.row(target_s=0.1, met=False))
        self.assertIn("VOID  no image", self.row(void="no image"))


class Content(unittest.TestCase):
    def test_each_block_carries_its_place_at_both_ends(self):
        data = systems.stamped(7, 2)
        self.assertEqual(len(data), 2 * systems.BLOCK)
        self.assertEqual(int.from_bytes(data[4096:4104], "little"), 8)
        self.assertEqual(data[4096:4112], data[-16:])


if __name__ == "__main__":
    unittest.main()
