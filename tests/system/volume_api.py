"""The volume API for Python stories: plain calls, with the SDK's session alone."""
import os
import sys

sys.path.insert(0, "/usr/lib/python3/dist-packages")
import openstack  # noqa: E402


class Api:
    def __init__(self):
        self.cloud = openstack.connect(cloud=os.environ.get("OS_CLOUD", "hanok"))

    def call(self, method, path, body=None):
        """The answer's JSON; RuntimeError with the status for what is refused."""
        extra = {"json": body} if body is not None else {}
        answer = self.cloud.block_storage.request(path, method, microversion="3.60", raise_exc=False, **extra)
        if answer.status_code >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else {}

    def list(self, kind):
        return {item["id"]: item for item in self.call("GET", f"/{kind}/detail")[kind]}
