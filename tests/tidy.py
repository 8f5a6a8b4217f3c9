"""
A plugin of pytest for all test folders: what a test left in its folder goes once the test has passed.

pytest keeps the folders of all tests of three runs. Here tests write cores and hurt copies of them, which were 20 GB
in a whole run, more than many a machine has free in /tmp. The folder of a test that failed stays for who looks into it.
"""
import shutil

import pytest

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.failed:
        item.left_as_it_is = True


@pytest.fixture
def tmp_path(tmp_path, request):
    yield tmp_path
    if not getattr(request.node, "left_as_it_is", False):
        shutil.rmtree(tmp_path, ignore_errors=True)
