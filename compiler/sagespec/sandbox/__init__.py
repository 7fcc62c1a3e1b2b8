"""A local AWS endpoint to try and test everything against; no account, no network beyond loopback.

moto serves S3, IAM, STS, Lambda and Logs; SageMaker, AgentCore and Bedrock are played here, since jobs and
pipelines have to advance and moto's do not.
"""

from __future__ import annotations

from sagespec.sandbox.clock import Clock
from sagespec.sandbox.faults import Faults
from sagespec.sandbox.isolation import environment, isolated
from sagespec.sandbox.server import Sandbox, start
from sagespec.sandbox.service import Timing

__all__ = ["Clock", "Faults", "Sandbox", "Timing", "environment", "isolated", "start"]
