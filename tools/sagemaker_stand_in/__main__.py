"""The stand-in as a process: ``python -m sagemaker_stand_in --s3-endpoint http://...``."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Sequence

from sagemaker_stand_in.stand_in import DEFAULT_COMMAND, StandIn


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C.

    :param argv: the arguments; None takes those of the process
    """
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with StandIn(
        s3_endpoint=arguments.s3_endpoint,
        access_key=arguments.access_key,
        secret_key=getattr(arguments, "secret_key", os.environ.get("AWS_SECRET_ACCESS_KEY", "test")),
        account=arguments.account,
        region=arguments.region,
        command=shlex.split(arguments.command),
        start_after=arguments.start_after,
        end_after=arguments.end_after,
        port=arguments.port,
        host=arguments.host,
        stop_grace=arguments.stop_grace,
        max_running=arguments.max_running,
        keep_folders=arguments.keep_folders,
        without_containers=arguments.without_containers,
    ) as aws:
        # The only line on stdout, for whoever asked for a free port.
        sys.stdout.write(f"{aws.endpoint}\n")
        sys.stdout.flush()
        ended.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sagemaker_stand_in",
        description="A stand-in for SageMaker's processing jobs that is strict about requests and runs the jobs.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    option = parser.add_argument
    option("--host", default="127.0.0.1", help="the address where it listens")
    option("--port", type=int, default=0, help="the port; 0 takes a free one; the URL is printed")
    option("--s3-endpoint", required=True, help="the S3 that jobs read from and write to")
    option("--access-key", default=os.environ.get("AWS_ACCESS_KEY_ID", "test"), help="for S3 ($AWS_ACCESS_KEY_ID)")
    # Not a default of the option, which the help would show.
    option("--secret-key", default=argparse.SUPPRESS, help="for S3 (default: $AWS_SECRET_ACCESS_KEY)")
    option("--account", default="111122223333", help="the account that everything is in")
    option("--region", default="us-east-1", help="the region of the S3; requests may come for any region")
    option("--command", default=shlex.join(DEFAULT_COMMAND), help="what a container runs")
    option("--start-after", type=float, default=0.0, help="seconds until a container starts")
    option("--end-after", type=float, default=0.0, help="seconds that a job takes at least")
    option("--stop-grace", type=float, default=2.0, help="seconds between SIGTERM and SIGKILL")
    option("--max-running", type=int, help="how many jobs run at once; the others wait")
    option("--keep-folders", action="store_true", help="keep what stands for /opt/ml when a job has ended")
    option("--without-containers", action="store_true", help="run nothing until POST /_stand_in/complete")
    return parser


if __name__ == "__main__":
    sys.exit(main())
