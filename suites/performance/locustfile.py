"""Load for a connector: `locust -f suites/performance/locustfile.py --host HOST:PORT`, by hand or from the harness.

    locust -f suites/performance/locustfile.py --host 127.0.0.1:50051                             # the web page
    locust -f suites/performance/locustfile.py --host 127.0.0.1:50051 --headless -u 20 -r 20 -t 30s --rate 500
    locust -f ... --processes 2 | --master | --worker --master-host HOST                          # more machines

Evidence is written to reports/locust-TIME (--evidence FOLDER). An API key: environment NFR_LOAD_API_KEY.
"""

from __future__ import annotations

from harness.trial.load.user import Caller

__all__ = ["Caller"]
