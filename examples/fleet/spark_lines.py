"""
Lines of all cores of a list, by Spark: each path goes down the pipe of a core-lines, and lines come back.

usage: spark-submit spark_lines.py LIST FOLDER    core-lines and the cores are where the executors are
"""
import pathlib
import sys

from pyspark import SparkContext

paths, folder = pathlib.Path(sys.argv[1]).read_text().splitlines(), sys.argv[2]
# A partition a core: one may take seconds and the next minutes.
SparkContext(appName="heapcore").parallelize(paths, max(len(paths), 1)).pipe("core-lines").saveAsTextFile(folder)
