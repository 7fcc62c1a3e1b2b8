"""A local AWS endpoint to try and test everything against; no account, no network beyond loopback.

moto serves S3, IAM, STS, Lambda and Logs; SageMaker, AgentCore and Bedrock are played here, since jobs and
pipelines have to advance and moto's do not.
"""

from __future__ import annotations

from compiler.sandbox.clock import Clock
from compiler.sandbox.faults import Faults
from compiler.sandbox.isolation import environment, isolated
from compiler.sandbox.server import Sandbox, start
from compiler.sandbox.service import Timing

__all__ = ["Clock", "Faults", "Sandbox", "Timing", "environment", "isolated", "start"]
