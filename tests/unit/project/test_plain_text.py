"""Secrets in specs are known by the form of their value, wherever they stand; other values are none."""

from __future__ import annotations

import pytest
from sagespec.diagnostics import secrets
from sagespec.project import plain_text

SECRETS = {
    "a private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    "an access key of AWS": "AKIAABCDEFGHIJKLMNOP",
    "a session token of AWS": "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJ",
    "a presigned URL of AWS": "https://b.s3.amazonaws.com/k?X-Amz-Signature=0123456789abcdef0123456789abcdef",
    "a token of Hugging Face": "hf_AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh",
    "a token of GitHub": "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "a token of GitLab": "glpat-0123456789abcdefghij",
    "an API key of OpenAI, Anthropic or Stripe": "sk-ant-api03-0123456789abcdef",
    "a token of Slack": "xoxb-0123456789-abcdefghij",
    "an API key of Google": "AIzaSyA0123456789abcdefghijklmnopqrstu",
    "a token of npm": "npm_0123456789abcdefghijABCDEFGHIJ012345",
    "a token of PyPI": "pypi-AgEIcHlwaS5vcmcCJDAxMjM0NTY3ODkw",
    "a token of Databricks": "dapi0123456789abcdef0123456789abcdef",
    "a key of SendGrid": "SG.0123456789abcdefghijkl.0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
    "a key of Azure storage": f"AccountName=a;AccountKey={'A' * 86}==;EndpointSuffix=core.windows.net",
    "a JSON web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "a password in a URL": "postgresql://me:secret@db.internal:5432/x",
}
NONE = (
    "arn:aws:secretsmanager:us-west-2:123456789012:secret:training/hugging-face-AbCdEf",
    "s3://my-bucket/evaluations/2026-01-01/sk-learn/model.tar.gz",
    "763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training@sha256:" + "0123456789abcdef" * 4,
    "3f9c2a1b7d043f9c2a1b7d043f9c2a1b7d04",
    "https://example.com:8080/path@v1",
    "https://user@example.com/repo.git",
    "hf_transfer_enabled",
    "hf_ONLYANEXAMPLE",
    "huggingface-reasoning-qwen3-32b",
    "password",
    "git+https://github.com/org/repo.git@main#egg=name",
)


def test_every_form_has_an_example() -> None:
    assert SECRETS.keys() == secrets._KINDS.keys()


@pytest.mark.parametrize(("kind", "text"), SECRETS.items())
def test_a_secret_is_found_wherever_it_stands_and_masked(kind: str, text: str) -> None:
    for fields in (
        {"environment": {"NAME": text}},
        {"hyperparameters": {"nested": {"list": [1, f"before {text} after"]}}},
        {"source": f"VALUE = '''{text}'''\ndef handler(event, context): ..."},
    ):
        (problem,) = plain_text.check(fields, ())
        assert problem.rule == "plain-text-secret"
        assert kind in problem.message
        assert text not in problem.message
        assert problem.path[1] in fields
    assert text not in secrets.masked(f"a {text} b")
    assert not list(plain_text.check({"environment": {"NAME": text}}, ("NAME",)))
    assert len(list(plain_text.check({"environment": {"NAME": text, "OTHER": text}}, ("NAME",)))) == 1


@pytest.mark.parametrize("text", NONE)
def test_what_only_resembles_a_secret_is_none(text: str) -> None:
    assert not list(plain_text.check({"environment": {"API_KEY": text}}, ()))
