"""An agent that answers each prompt with the sum of the numbers in it."""

import json
import re


def handler(event, _context):
    prompt = event.get("prompt", "")
    total = sum(float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", prompt))
    return {"statusCode": 200, "body": json.dumps({"answer": total})}
