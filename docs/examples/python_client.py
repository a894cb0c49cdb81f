#!/usr/bin/python3
"""Asks a weir host for its sources and statistics, and follows its event log.

    python_client.py [--server HOST:PORT] sources
    python_client.py [--server HOST:PORT] stats
    python_client.py [--server HOST:PORT] watch [--cursor-file FILE] [--after ID]
        [--limit N] [--type TYPE]...

`watch` prints one line for each event, goes on when the connection breaks, and
with a cursor file goes on where it was when it is started again; `--after` says
where by an event's ID. docs/events.md says what the messages mean.

Needs Debian's python3-grpcio and python3-protobuf, and in PYTHONPATH what makes
modules of the .proto files (docs/events.md shows the command).
"""

import argparse
import os
import random
import sys
import threading
import time

import grpc

from weir.v1 import (event_pb2, event_pb2_grpc, source_pb2, source_pb2_grpc,
                     stats_pb2, stats_pb2_grpc)

# A call that is answered at once takes no longer, on any machine.
CALL_TIMEOUT_S = 30
# Hello says how often to expect a heartbeat; this is for the time before it.
FIRST_SILENCE_S = 40
SHORTEST_DELAY_S = 0.5
LONGEST_DELAY_S = 30
# What passes by itself. Everything else that is refused stays refused.
PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED,
           grpc.StatusCode.CANCELLED)


def sources(channel):
    stub = source_pb2_grpc.SourceServiceStub(channel)
    request = source_pb2.ListSourcesRequest()
    while True:
        page = stub.ListSources(request, timeout=CALL_TIMEOUT_S)
        for source in page.sources:
            state = source_pb2.Source.State.Name(source.state)
            print(f"{source.name}  {source.kind}  {state}  {source.endpoint}")
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def stats(channel):
    stub = stats_pb2_grpc.StatsServiceStub(channel)
    answer = stub.GetStats(stats_pb2.GetStatsRequest(), timeout=CALL_TIMEOUT_S)
    for source in answer.sources:
        print(f"{source.name}  messages {source.messages}")
    for plugin in answer.plugins:
        print(f"{plugin.name}  processed {plugin.processed_ok}"
              f"  errors {plugin.processed_error}  queued {plugin.queued}")


class Cursor:
    """The last position that was dealt with, in this run or in one before."""

    def __init__(self, path, after):
        self.position = after
        self._path = path
        if path and not after and os.path.exists(path):
            with open(path, encoding="ascii") as file:
                self.position = file.read().strip()

    def keep(self, position):
        """By a new file and a renaming: a crash leaves the old or the new one."""
        self.position = position
        if not self._path:
            return
        with open(self._path + ".new", "w", encoding="ascii") as file:
            file.write(position + "\n")
        os.replace(self._path + ".new", self._path)


class Silence:
    """Cancels a call when no message came for two and a half heartbeats: then
    nobody is there any more, and TCP might not say so for hours."""

    def __init__(self, call):
        self.allowed_s = FIRST_SILENCE_S
        self._heard = threading.Event()
        threading.Thread(target=self._watch, args=(call,), daemon=True).start()

    def broken(self):
        self._heard.set()

    def _watch(self, call):
        while self._heard.wait(self.allowed_s):
            self._heard.clear()
            if not call.is_active():
                return
        call.cancel()


def start_after(position):
    if position:
        return event_pb2.StartPosition(after_id=position)
    return event_pb2.StartPosition(earliest=event_pb2.StartPosition.Earliest())


def events_of(call, cursor):
    """The events of one stream. Each is dealt with when the next is asked for,
    and then its position is kept: a crash repeats one, and loses none."""
    silence = Silence(call)
    for message in call:
        if message.HasField("hello"):
            beat = message.hello.heartbeat_interval
            silence.allowed_s = 2.5 * beat.ToTimedelta().total_seconds()
        silence.broken()
        if message.HasField("gap"):
            reason = event_pb2.SubscribeResponse.Gap.Reason.Name(
                message.gap.reason)
            print(f"-- gap: {reason}, {message.gap.missing} positions missing",
                  flush=True)
        for event in message.events:
            yield event
            cursor.keep(event.id)
        # Past what the filter left out. Hello says where the stream starts, and
        # nothing of it has been dealt with then.
        if not message.HasField("hello"):
            cursor.keep(message.cursor)


def watch(channel, options):
    stub = event_pb2_grpc.EventServiceStub(channel)
    cursor = Cursor(options.cursor_file, options.after)
    filters = [event_pb2.EventFilter(types=options.type)] if options.type else []
    printed, delay_s = 0, SHORTEST_DELAY_S
    while True:
        call = stub.Subscribe(event_pb2.SubscribeRequest(
            start=start_after(cursor.position), filters=filters,
            client_name="python_client.py"))
        why = "the stream ended"
        try:
            for event in events_of(call, cursor):
                delay_s = SHORTEST_DELAY_S
                print(f"{event.id}  {event.type}  {event.subject}  {event.json}",
                      flush=True)
                printed += 1
                if printed == options.limit:
                    cursor.keep(event.id)
                    call.cancel()
                    return
        except grpc.RpcError as error:
            if error.code() not in PASSING:
                raise
            why = error.details()
        wait_s = delay_s * random.uniform(0.5, 1)
        delay_s = min(2 * delay_s, LONGEST_DELAY_S)
        print(f"python_client.py: {why}; again in {wait_s:.1f} s",
              file=sys.stderr, flush=True)
        time.sleep(wait_s)


def main():
    parser = argparse.ArgumentParser(
        description="A client of a weir host's gRPC API.")
    parser.add_argument(
        "--server", default=os.environ.get("WEIR_SERVER", "127.0.0.1:50051"),
        metavar="HOST:PORT")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("sources", help="list the sources")
    commands.add_parser("stats", help="show what was counted")
    watching = commands.add_parser("watch", help="follow the event log")
    watching.add_argument("--cursor-file", metavar="FILE")
    watching.add_argument("--after", default="", metavar="ID")
    watching.add_argument("--limit", type=int, default=0, metavar="N")
    watching.add_argument("--type", action="append", default=[], metavar="TYPE")
    options = parser.parse_args()
    try:
        with grpc.insecure_channel(options.server) as channel:
            if options.command == "watch":
                watch(channel, options)
            else:
                {"sources": sources, "stats": stats}[options.command](channel)
    except grpc.RpcError as error:
        sys.exit(f"python_client.py: {options.server}: {error.details()}")


if __name__ == "__main__":
    main()
