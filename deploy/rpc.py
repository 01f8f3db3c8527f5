"""One JSON-RPC 2.0 call over a Unix socket: rpc.py SOCKET METHOD [PARAMS]. Prints the result; an error goes to stderr."""
import json
import socket
import sys


def main():
    path, method, *params = sys.argv[1:]
    request = {"jsonrpc": "2.0", "id": 1, "method": method}
    if params:
        request["params"] = json.loads(params[0])
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        try:
            connection.connect(path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = connection.makefile("rb").readline()
        except OSError as error:
            sys.exit(f"{path}: {error}")
    answer = json.loads(line) if line else {"error": "no answer"}
    if "error" in answer:
        sys.exit(f"{method}: {json.dumps(answer['error'])}")
    print(json.dumps(answer["result"], indent=2))


main()
