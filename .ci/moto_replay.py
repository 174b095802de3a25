#!/usr/bin/env python3
"""Sends the requests of a run to a moto_server once more and does nothing else: how fast is moto itself?

moto_replay.py URL TRACE CONCURRENCY

Each scenario of the trace is sent in order, as many scenarios at a time as CONCURRENCY says. Ids that moto has given are
replaced by those that it gives now. A connection is used for as long as moto keeps it. One line of JSON: the requests, the
seconds from the first request to the last answer, and how many answers had the status that they had in the run.
"""

import http.client
import json
import re
import sys
import threading
import time
import urllib.parse

ID = re.compile(r"\b[a-z]+(?:-[a-z]+)*-[0-9a-f]{8,32}\b|\b\d{1,3}(?:\.\d{1,3}){3}\b")
HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    # moto finds the service by the scope of the credentials, and verifies nothing.
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20161115/us-east-1/ec2/aws4_request, "
    "SignedHeaders=host, Signature=0000",
}


def scenarios(trace):
    """The exchanges of each scenario, in the order in which the scenarios began."""
    found = {}
    for line in sorted(map(json.loads, open(trace, encoding="utf-8")), key=lambda line: line["exchange"]["sent"]):
        # The made-up operation is asked for before the planning, and belongs to no scenario.
        if line["tokens"]:
            found.setdefault(line["tokens"], []).append(line["exchange"])
    return list(found.values())


class Replay:
    def __init__(self, url, left):
        self.host = urllib.parse.urlsplit(url).netloc
        self.left = iter(left)
        self.lock = threading.Lock()
        self.requests = self.same = 0

    def next(self):
        with self.lock:
            return next(self.left, None)

    def work(self):
        connection = http.client.HTTPConnection(self.host, timeout=60)
        requests = same = 0
        while (scenario := self.next()) is not None:
            now = {}
            for exchange in scenario:
                body = ID.sub(lambda found: now.get(found[0], found[0]), exchange["body"])
                connection.request("POST", "/", body, HEADERS)
                answer = connection.getresponse()
                text = answer.read().decode()
                requests += 1
                same += answer.status == exchange["answer"]["status"]
                # What made it says which id it has; a list may be in another order.
                for then, id in zip(ID.findall(exchange["answer"]["body"]), ID.findall(text)):
                    now.setdefault(then, id)
        with self.lock:
            self.requests += requests
            self.same += same


def main():
    url, trace, concurrency = sys.argv[1], sys.argv[2], int(sys.argv[3])
    replay = Replay(url, scenarios(trace))
    workers = [threading.Thread(target=replay.work) for _ in range(concurrency)]
    begun = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.monotonic() - begun
    print(json.dumps({"requests": replay.requests, "seconds": round(seconds, 3), "same_status": replay.same}))


if __name__ == "__main__":
    main()
