"""Attempts to get something out of a sandbox: python3 attacks.pyz [ROW or GROUP]..."""
import sys

import bed
import direct  # noqa: F401
import names  # noqa: F401
import resolving  # noqa: F401
import hellos  # noqa: F401
import http_requests  # noqa: F401
import raw  # noqa: F401
import kernel  # noqa: F401
import lateral  # noqa: F401
import places  # noqa: F401
import proxies  # noqa: F401

bed.main(sys.argv[1:])
