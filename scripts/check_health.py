"""Exit with 0 if the app answers on this machine, else with 1. Needs only Python."""

import os
import sys
import urllib.request

ADDRESS = f"http://127.0.0.1:{os.environ.get('SPLITLAB_PORT', '8501')}/_stcore/health"

try:
    # A proxy of the container's network does not lead to the container itself.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(ADDRESS, timeout=4) as answer:
        sys.exit(answer.status != 200)
except OSError as error:
    sys.exit(f"{ADDRESS}: {error}")
