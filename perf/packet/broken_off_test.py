#!/usr/bin/python3
"""Ctrl-C in the middle of a run: what was measured is in the document, which says that it is not all; and what the
machine lent is given back."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

from machine import PAGES, number, wait_for  # noqa: E402

HERE = os.path.dirname(os.path.realpath(__file__))

with tempfile.TemporaryDirectory(prefix="hanok-broken-off-") as folder:
    path, pages = os.path.join(folder, "out.json"), number(PAGES + "nr_hugepages")
    suite = subprocess.Popen(
        [sys.executable, "-B", os.path.join(HERE, "run"), "--quick", "--scenario", "vlan-l2", "--scenario", "snat",
         "--system", "hanok", "--seconds", "0.1", "--rounds", "20", "--json", path, *sys.argv[1:]],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # The first scenario is done, of the second some rounds.
    wait_for(lambda: os.path.exists(path) or suite.poll() is not None, "the first figures", 120)
    assert suite.poll() is None, suite.stdout.read()
    time.sleep(1)
    suite.send_signal(signal.SIGINT)
    said = suite.communicate(timeout=60)[0]
    assert suite.returncode == 130 and "broken off" in said, said
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    assert document["partial"] is True, document
    assert document["results"][0]["systems"]["hanok"]["rounds"] == 20, document
    assert document["results"][1:2] and document["results"][1]["scenario"] == "snat", document
    assert number(PAGES + "nr_hugepages") == pages, "huge pages were not given back"
