#!/usr/bin/python3
"""
A fleet out of a few cores, to try queries on: of HOSTS hosts, number N has the lines of FILE number N modulo how many there are.

usage: multiply.py HOSTS FILE... >> fleet.jsonl
"""
import json
import pathlib
import sys

hosts, *files = sys.argv[1:]
cores = [[json.loads(line) for line in pathlib.Path(file).read_text().splitlines()] for file in files]
for number in range(int(hosts)):
    for line in cores[number % len(cores)]:
        print(json.dumps({**line, "host": f"web-{number}"}))
