"""What every journey has, whatever the cloud: a client's calls, what they must show, and the count of both.

`ec2.py` and `alibaba.py` say where a journey goes; the `drive_*.py` each bring a client that knows nothing of eipcheck.
The server under way is `eipcheck serve`, whose clock can be moved (`POST /_clock/advance`).

A wrong value is reported and the journey goes on, so that one run shows everything that is wrong. A stop at which
nothing further can be done (a request refused that had to be accepted) ends its leg of the journey only.
"""

import json
import os
import re
import time
import urllib.request


class Refused(Exception):
    """The server answered with an error. `status` is None where the client does not tell it."""

    def __init__(self, code, message, status=None):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status


class Stop(Exception):
    """This leg of the journey cannot go on."""


class Journey:
    """The client's calls, counted, and what was wrong with their answers."""

    def __init__(self, client, url, operations, thorough=True, wordy=True):
        self.client = client
        self.url = url.rstrip("/")
        self.operations = operations
        self.thorough = thorough
        self.wordy = wordy
        self.begun = time.monotonic()
        self.accepted = dict.fromkeys(operations, 0)
        self.refused = dict.fromkeys(operations, 0)
        self.checks = 0
        self.wrong = []

    # What is asked of the server.

    def do(self, operation, **parameters):
        """Sends a request that must be accepted, and gives its parsed answer."""
        try:
            answer = self.client.call(operation, parameters)
        except Refused as refusal:
            raise Stop(f"{operation} {parameters} must be accepted, but: {refusal}") from None
        self.accepted[operation] += 1
        return answer

    def refuse(self, operation, *codes, status=None, **parameters):
        """Sends a request that must be refused; with `codes`, by one of them."""
        try:
            answer = self.client.call(operation, parameters)
        except Refused as refusal:
            if operation in self.refused:
                self.refused[operation] += 1
            if codes:
                self.one_of(f"{operation} {parameters}: error code", refusal.code, codes)
            if refusal.status is not None:
                if status:
                    self.one_of(f"{operation} {parameters}: HTTP status", refusal.status, status)
                else:
                    self.true(
                        f"{operation} {parameters}: HTTP status {refusal.status} is a client error",
                        400 <= refusal.status < 500,
                    )
            return
        self.accepted[operation] = self.accepted.get(operation, 0) + 1
        wanted = " or ".join(codes) or "an error"
        self.true(f"{operation} {parameters} must be refused with {wanted}; came {answer}", False)

    def dry(self, operation, **parameters):
        """A dry run of a request that would be accepted."""
        self.refuse(operation, "DryRunOperation", status=(400, 412), DryRun=True, **parameters)

    def do_after_dry(self, operation, **parameters):
        """The dry run first, then the request itself."""
        if self.thorough:
            self.dry(operation, **parameters)
        return self.do(operation, **parameters)

    def advance(self, seconds):
        """Lets time pass on the server."""
        request = urllib.request.Request(
            f"{self.url}/_clock/advance",
            data=json.dumps({"seconds": seconds}).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                answer.read()
        except OSError as error:
            raise Stop(f"the server's clock cannot be moved: {error}") from None

    def settle(self, what, look, settled):
        """Looks until what is seen has settled, letting time pass meanwhile: two minutes at most."""
        step = 5 if self.thorough else 20
        for _ in range(0, 120, step):
            seen = look()
            if settled(seen):
                return seen
            self.advance(step)
        seen = look()
        if not settled(seen):
            raise Stop(f"{what} did not come about within 120 s; last seen: {seen}")
        return seen

    # What must be true of the answers.

    def true(self, what, holds):
        self.checks += 1
        if not holds:
            self.report(what)

    def equal(self, what, came, wanted):
        # To Python, 1 and True are equal; to whoever decodes an answer they are not.
        self.true(f"{what}: wanted {wanted!r}, came {came!r}", came == wanted and type(came) is type(wanted))

    def one_of(self, what, came, wanted):
        self.true(f"{what}: wanted one of {list(wanted)}, came {came!r}", came in wanted)

    def an_id(self, came, prefix):
        if not re.fullmatch(rf"{prefix}-([0-9a-f]{{8}}|[0-9a-f]{{17}})", came or ""):
            raise Stop(f"{came!r} is not an id of the form {prefix}-…")
        self.checks += 1
        return came

    def optional(self, what, record, key, wanted):
        """A member that the server may leave out, but must not get wrong."""
        if key in record:
            self.equal(f"{what}: {key}", record[key], wanted)

    def report(self, what):
        self.wrong.append(what)
        print(f"MISMATCH  {what}", flush=True)

    def leg(self, name, walk, *arguments):
        """Walks one leg; what it returns, or None where it had to stop."""
        begun = time.monotonic()
        try:
            return walk(self, *arguments)
        except Stop as stop:
            self.report(f"{name} stopped: {stop}")
        except (KeyError, IndexError, TypeError) as missing:
            self.report(f"{name} stopped: an answer lacks something: {missing!r} ({line_of(missing)})")
        finally:
            if self.wordy:
                print(f"          {name}: {time.monotonic() - begun:.1f} s", flush=True)
        return None

    def end(self):
        """Prints what was seen of each operation (if not `wordy`, of those that were not), and gives the exit code."""
        driven = 0
        for operation in self.operations:
            accepted, refused = self.accepted[operation], self.refused[operation]
            driven += bool(accepted)
            mark = "ok      " if accepted else "MISSED  "
            if self.wordy or not accepted:
                print(f"{mark}  {operation:<34}  accepted {accepted:>3}  refused as it should be {refused:>3}")
        if driven < len(self.operations):
            self.wrong.append("not every operation was driven")
        print(
            f"{driven} operations driven with {self.client.name}: {self.checks} checks, {len(self.wrong)} mismatches, "
            f"{time.monotonic() - self.begun:.1f} s",
            flush=True,
        )
        return 1 if self.wrong else 0


def line_of(error):
    """The file and line in which an error arose."""
    trace = error.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}, line {trace.tb_lineno}"


def only(what, items):
    """The one item of a list of one."""
    if len(items) != 1:
        raise Stop(f"{what}: wanted exactly one, came {items}")
    return items[0]
