"""Where there is no strace, its trials are left out; in CI they fail."""

import os
import shutil
import sys

collect_ignore = []
if not shutil.which("strace") and not (sys.platform == "linux" and os.environ.get("CI")):
    collect_ignore.append("test_syscalls.py")
