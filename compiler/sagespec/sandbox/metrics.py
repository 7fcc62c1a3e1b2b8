"""The metrics that trainings log at each step, to MLflow, and for Nova models also to their own log.

In: the name of a job, and its technique. Out: values by metric, always the same for a job and step.
"""

from __future__ import annotations

import hashlib

_LOSS, _RATE, _REWARD = "reduced_train_loss", "lr", "critic/rewards/mean"
IN_LOGS = (_LOSS, _RATE, _REWARD)
"""Metrics in the log lines of Nova models."""
MTRL = "MTRL"


def values(name: str, technique: str, step: int) -> dict[str, float]:
    """Return the metrics of a job at one step, counted from 1: rewards rise and losses fall, with noise."""
    noise = int(hashlib.sha256(f"{name}{step}".encode()).hexdigest()[:4], 16) / 0xFFFF
    reward, loss = round(0.3 + 0.04 * step + noise / 20, 4), round(2.5 / (1 + step / 4) + noise / 20, 4)
    if technique == MTRL:
        return {
            "rollout/reward/mean": reward,
            "rollout/turns/mean": round(5.0 - 0.1 * step + noise / 5, 4),
            "training/total_tokens": float(40_000 * step),
            "training/num_trajectories": 128.0,
        }
    if technique == "SFT":
        return {_LOSS: loss, _RATE: round(0.0002 * (1 - step / 20), 8)}
    if technique == "DPO":
        return {"loss": loss, "rewards/margins": reward}
    return {_REWARD: reward, "response_length/mean": round(600 - 10 * step + noise, 2)}


def line(name: str, technique: str, step: int) -> str:
    """Return the line of a step in the log of a Nova model's training."""
    told = {metric: value for metric, value in values(name, technique, step).items() if metric in IN_LOGS}
    return " - ".join([f"global_step: {step}", *(f"{metric}: {value}" for metric, value in told.items())])
