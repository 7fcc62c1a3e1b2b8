"""A local AWS endpoint for trials and tests: no account, and no network beyond loopback.

moto serves S3, IAM, STS, Lambda and Logs. SageMaker, AgentCore and Bedrock are implemented here, because jobs and
pipelines have to advance, and moto's do not.
"""

from __future__ import annotations

from sagespec.sandbox.clock import Clock
from sagespec.sandbox.faults import Faults
from sagespec.sandbox.isolation import environment, isolated
from sagespec.sandbox.server import Sandbox, start
from sagespec.sandbox.service import Timing

__all__ = ["Clock", "Faults", "Sandbox", "Timing", "environment", "isolated", "start"]
