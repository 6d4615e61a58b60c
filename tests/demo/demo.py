#!/usr/bin/env python3
# $NetBSD$
#
# Copyright (c) 2026 The libnfslock authors.
# All rights reserved.
#
# Redistribution and use in source and binary forms, with or without
# modification, are permitted provided that the following conditions
# are met:
# 1. Redistributions of source code must retain the above copyright
#    notice, this list of conditions and the following disclaimer.
# 2. Redistributions in binary form must reproduce the above copyright
#    notice, this list of conditions and the following disclaimer in the
#    documentation and/or other materials provided with the distribution.
#
# THIS SOFTWARE IS PROVIDED BY THE AUTHORS AND CONTRIBUTORS ``AS IS'' AND
# ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
# IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
# ARE DISCLAIMED.  IN NO EVENT SHALL THE AUTHORS OR CONTRIBUTORS BE LIABLE
# FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
# DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS
# OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
# HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT
# LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY
# OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF
# SUCH DAMAGE.

"""Deliver real mail with mail.local while real readers read it, and account for every message.

The messages are those of the test suite of Python's own email package, malformed ones included, and those of any mbox
given.  Each goes several times, by several processes at once, to several mailboxes: first in a spool that all users
share, then in a spool in each home.  Meanwhile Python's mailbox module, which writes a new file and renames it, and
mutt, which rewrites the file where it stands, take messages out of these mailboxes, each under its own dotlock.  At the
end every copy must be in one place exactly, byte for byte: in its mailbox, or in the ledger of the reader that took it.

Root gets test users with real mailboxes, in a mount namespace of its own: nothing outside it changes.  Anyone else
delivers to himself, into several mailboxes on a temporary spool.

Exit status: 0 all accounted for; 1 something lost, doubled, damaged or left behind; 2 the demo could not run.
"""

import argparse
import collections
import contextlib
import email
import fcntl
import glob
import grp
import mailbox
import os
import pty
import pwd
import random
import re
import select
import shutil
import signal
import stat
import struct
import subprocess
import sys
import sysconfig
import tempfile
import termios
import threading
import time
import traceback

MAILBOXES = 3
COPIES = 3                  # of each message, into each mailbox
MANY = 200                  # messages: with more than these, one copy of each
PROCESSES = 4               # deliveries into one mailbox at once
PAUSE = 0.3                 # seconds at most between one delivery and the next, so that the readers get in
TEMPFAIL = 75
TRIES = 20
LIMIT = 20                  # seconds that mail.local may wait
PATIENCE = 60               # seconds after which it counts as hung
SENDER = "demo@example.org"
INSIDE = "NFSLOCK_DEMO_INSIDE"
UNSHARE = ["unshare", "--mount", "--propagation", "private"]

# Each copy says who is to take it: the readers leave something to each other, and something in the mailbox.
TAKERS = ("python", "mutt", "nobody")
HEAD = re.compile(rb"^From (?P<sender>\S+) (?:Sun|Mon|Tue|Wed|Thu|Fri|Sat) "
                  rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 123]\d \d\d:\d\d:\d\d \d{4}\n"
                  rb"X-Demo-Id: (?P<taker>\w+)-(?P<number>\d{7})\n", re.M)

# Python's mailbox module takes every line that starts with "From " for the next message, with a blank line before it or
# without, and would split messages that NetBSD's way of quoting leaves as they are.
CONF = "quote all\n"

MUTTRC = """\
set mbox_type=mbox noconfirmappend noconfirmcreate delete=yes quit=yes move=no nomark_old nosave_name
set sort=mailbox-order nobeep wait_key=no read_inc=0 write_inc=0 status_format="--ready--"
set folder="%(home)s" tmpdir="%(home)s"
macro index T "<tag-pattern>~h X-Demo-Id:.mutt-<enter><tag-prefix-cond><save-message>%(folder)s<enter><end-cond>"
"""

Box = collections.namedtuple("Box", "user uid gid home path options")
Copy = collections.namedtuple("Copy", "number taker message box")


class Unable(Exception):
    """What keeps the demo from running."""


def contents(name):
    try:
        with open(name, "rb") as file:
            return file.read()
    except OSError as error:
        raise Unable(f"{name}: {error.strerror}") from None


def write(name, data, mode="wb"):
    with open(name, mode) as file:
        file.write(data)


# The messages.

def suite_messages():
    tops = [sysconfig.get_path("stdlib"), *sorted(glob.glob("/usr/lib/python3*") + glob.glob("/usr/pkg/lib/python3*"))]
    for top in tops:
        names = sorted(glob.glob(os.path.join(top, "test/test_email/data/*.txt")))
        if names:
            return [contents(name) for name in names]
    return []


def mbox_messages(name):
    """Split an mbox at the From_ lines that stand at its start or after a blank line; what precedes these is kept."""
    parts = re.split(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\n]*(?:\n|\Z)", contents(name))
    if not parts[0]:
        del parts[0]
    # The blank line at the end is the mbox's, not the message's.
    return [re.sub(rb"(?<=\n)\r?\n\Z", b"", part) for part in parts]


def gather(mboxes):
    messages = suite_messages()
    if messages:
        print(f"{len(messages)} messages of the test suite of Python's email package")
    else:
        print("Python's test suite is not installed (Debian: libpython3.*-testsuite)")
    for name in mboxes:
        found = mbox_messages(name)
        print(f"{len(found)} messages of {name}")
        messages += found
    if not messages:
        raise Unable("no messages: give an mbox, or install Python's test suite")
    for message in messages:
        read(message)           # so that all modules are there before the readers give up root's right to them
    return messages


def read(message):
    """Read a message with Python's email package.  Mail that this chokes on is mail all the same."""
    with contextlib.suppress(Exception):
        for part in email.message_from_bytes(message).walk():
            part.get_payload(decode=True)


def tag(taker, number):
    return b"X-Demo-Id: %s-%07d\n" % (taker.encode(), number)


def as_delivered(message):
    """What mail.local makes of a message: quoted, with a newline at its end, and not a byte else is changed."""
    text = re.sub(rb"^From ", rb">From ", message, flags=re.M)
    return text if text.endswith(b"\n") or not text else text + b"\n"


# The independent parser: it knows what mail.local writes, and makes no use of the mailbox module.

def parse(data):
    """Yield (sender, taker, number, text) for each message, and (None, None, None, what) for all that is not one."""
    starts = [match.start() for match in re.finditer(rb"^From ", data, re.M)]
    if data and starts[:1] != [0]:
        yield None, None, None, data[:80]
    for start, end in zip(starts, starts[1:] + [len(data)]):
        head = HEAD.match(data, start, end)
        if head and data.endswith(b"\n\n", start, end):
            yield head["sender"].decode(), head["taker"].decode(), int(head["number"]), data[head.end():end - 1]
        else:
            yield None, None, None, data[start:end][:80]


# The readers.  A person opens his mailbox with one program at a time, so the two take turns; the deliveries go on.

def python_turn(box):
    """Read the mailbox with Python's mailbox module, take what is python's, and return how many."""
    try:
        gate = mailbox.mbox(box.path, create=False)
    except mailbox.NoSuchMailboxError:
        return 0
    with contextlib.closing(gate):              # which unlocks it
        for _ in range(500):
            try:
                gate.lock()
                break
            except mailbox.ExternalClashError:
                time.sleep(random.uniform(0.005, 0.02))
        else:
            return 0
        # Opened anew under the lock: a rewrite may have replaced the file that gate opened.
        with contextlib.closing(mailbox.mbox(box.path, create=False)) as reader:
            taken = {}
            for key in reader.keys():
                text = reader.get_bytes(key, from_=True)
                read(text)
                head = HEAD.match(text)
                if head and head["taker"] == b"python":
                    taken[key] = text + b"\n"
            write(ledger(box, "python"), b"".join(taken.values()), "ab")
            for key in taken:
                reader.remove(key)
    return len(taken)


def mutt_turn(box):
    """Read the mailbox with mutt, take what is mutt's, and return how many."""
    if not os.path.exists(box.path):
        return 0
    mutt_session(box.path, box.home)
    folder = os.path.join(box.home, "folder")
    if not os.path.exists(folder):
        return 0
    # What mutt saved and then could not delete is still the mailbox's.  Nobody else removes anything in mutt's turn, so
    # that no lock is needed to look.
    kept = {head["number"] for head in HEAD.finditer(contents(box.path))}
    taken = [part for part in re.split(rb"^(?=From )", contents(folder), flags=re.M)
             if part and not any(head["number"] in kept for head in HEAD.finditer(part))]
    write(ledger(box, "mutt"), b"".join(taken), "ab")
    os.unlink(folder)
    return len(taken)


def mutt_session(path, home, seconds=20):
    """Open a mailbox in mutt on a terminal of its own, save what is mutt's to a folder, delete it, and quit.

    A mutt that gets nowhere is told to leave all as it is.  It is not killed, since its dotlock would stay.
    """
    rc = os.path.join(home, "muttrc")
    write(rc, MUTTRC % {"home": home, "folder": os.path.join(home, "folder")}, "w")
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            os.chdir(home)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
            os.environ.update(HOME=home, TERM="vt100", LC_ALL="C", MAIL=path)
            os.execvp("mutt", ["mutt", "-n", "-F", rc, "-f", path])
        finally:
            os._exit(127)
    end = time.monotonic() + seconds
    screen, asked = b"", False
    try:
        while True:
            if time.monotonic() > end + 100:
                raise Unable("mutt hangs")
            if select.select([terminal], [], [], 0.25)[0]:
                screen += os.read(terminal, 65536)
            elif asked or time.monotonic() > end:
                # New mail makes mutt stay and show it, where it should quit; x leaves all as it is.
                os.write(terminal, b"q" if time.monotonic() < end else b"x")
            if b"remove lock" in screen:        # which would break a lock that lives
                os.write(terminal, b"n")
                screen = b""
            elif not asked and b"--ready--" in screen:
                os.write(terminal, b"Tq")
                asked = True
    except OSError:                             # mutt has left its terminal
        pass
    os.close(terminal)
    os.waitpid(pid, 0)


def ledger(box, reader):
    return os.path.join(box.home, reader + ".ledger")


TURNS = {"python": python_turn, "mutt": mutt_turn}


def read_until(stop, box, report, turns=TURNS):
    """Let the readers take turns until there is a file named stop, and once more after that."""
    if os.geteuid() != box.uid:
        os.setgroups([])
        os.setgid(box.gid)
        os.setuid(box.uid)
    last = False
    while not last:
        last = os.path.exists(stop)
        for reader, turn in turns.items():
            os.write(report, b"%s %d\n" % (reader.encode(), turn(box)))
        time.sleep(0 if last else random.uniform(0.3, 1))


def mutt_forms(messages, home):
    """Learn what mutt makes of each message in a mailbox that nobody else touches: the set of texts it may become.

    mutt writes Content-Length, Lines and Status into what it copies, and puts a blank line where a header lacks one.
    Knowing the very bytes, the account need not guess what to overlook.  None stands for a message that mutt loses.
    """
    forms = [{as_delivered(message)} for message in messages]
    path, folder = os.path.join(home, "mailbox"), os.path.join(home, "folder")
    texts = dict(enumerate(as_delivered(message) for message in messages))
    for _ in range(2):                          # what mutt has once rewritten, it may rewrite again
        for taker in "mutt", "nobody":
            data = [b"From %s Thu Jan  1 00:00:00 1970\n%s%s\n" % (SENDER.encode(), tag(*who), text) for who, text in
                    [(("mutt", len(messages)), b"\n"), *(((taker, number), text) for number, text in texts.items())]]
            write(path, b"".join(data))
            mutt_session(path, home, seconds=300)
            if not os.path.exists(folder):
                raise Unable("mutt did not save the messages it was told to")
            found = collections.defaultdict(list)
            for _, _, number, text in [*parse(contents(path)), *parse(contents(folder))]:
                found[number].append(text)
            os.unlink(folder)
            for number in list(texts):
                if len(found[number]) == 1 and forms[number]:
                    forms[number].add(found[number][0])
                else:
                    forms[number] = None
            if taker == "nobody":
                texts = {number: found[number][0] for number in texts if forms[number]}
    return forms


# The mailboxes.

def enter_namespace():
    """As root, start over in a private mount namespace, where the system has one."""
    if os.geteuid() == 0 and INSIDE not in os.environ:
        with contextlib.suppress(FileNotFoundError):
            if subprocess.run([*UNSHARE, "true"], stderr=subprocess.DEVNULL).returncode == 0:
                os.environ[INSIDE] = "1"
                sys.stdout.flush()
                os.execvp(UNSHARE[0], [*UNSHARE, sys.executable, os.path.abspath(__file__), *sys.argv[1:]])


def test_users(work):
    """Give the namespace an /etc with test users in it, and an empty directory that all may write as its /var/mail.

    The whole of /etc, since a file with another mounted over it loses that when anyone on the machine replaces the
    file.  What is no file that everybody may read, nobody here needs.
    """
    taken = {entry.pw_uid for entry in pwd.getpwall()} | {entry.gr_gid for entry in grp.getgrall()}
    ids = [number for number in range(50000, 60000) if number not in taken][:MAILBOXES]
    users = [(f"lockdemo{count}", number) for count, number in enumerate(ids, 1)]
    etc, mail, none = (os.path.join(work, name) for name in ("etc", "mail", "none"))
    for name in etc, mail, none:
        os.mkdir(name)
    os.chmod(mail, 0o1777)
    for entry in os.scandir("/etc"):
        if entry.is_file() and entry.stat().st_mode & stat.S_IROTH:
            shutil.copy(entry.path, etc)
    for name, number in users:
        write(os.path.join(etc, "passwd"), f"{name}:*:{number}:{number}::{os.path.join(work, name)}:/bin/sh\n", "a")
        write(os.path.join(etc, "group"), f"{name}:*:{number}:\n", "a")
    subprocess.run(["mount", "--bind", mail, "/var/mail"], check=True)
    subprocess.run(["mount", "--bind", etc, "/etc"], check=True)
    if os.path.exists("/run/nscd"):             # which would answer for the machine's own users
        subprocess.run(["mount", "--bind", none, "/run/nscd"], check=True)
    return users


def searchable(path):
    return os.stat(path).st_mode & stat.S_IXOTH and (path == "/" or searchable(os.path.dirname(path)))


def boxes_of_users(work, mode, users):
    for name, number in users:
        home = os.path.join(work, name)
        path = os.path.join("/var/mail" if mode == "common" else os.path.join(home, ".mailspool"), name)
        yield Box(name, number, number, home, path, [])


def boxes_of_caller(work, mode):
    user = pwd.getpwuid(os.geteuid()).pw_name
    for count in range(1, MAILBOXES + 1):
        home = os.path.join(work, f"home{count}")
        directory = os.path.join(work, "spool") if mode == "common" else os.path.join(home, ".mailspool")
        name = f"%u{count}" if mode == "common" else "%u"
        path = os.path.join(directory, name.replace("%u", user))
        options = ["-m", os.path.join(directory.replace("%", "%%"), name)]
        yield Box(user, os.geteuid(), os.getegid(), home, path, options)


def prepare(work, mode, users):
    """Make the homes, spools and mail.local.conf of one mode; return the mailboxes and the file."""
    boxes = list(boxes_of_users(work, mode, users) if users else boxes_of_caller(work, mode))
    for box in boxes:
        os.makedirs(box.home, mode=0o700, exist_ok=True)
        os.chown(box.home, box.uid, box.gid)
        for reader in TAKERS[:2]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(ledger(box, reader))
        if not users:                           # a user's ~/.mailspool is mail.local's to make
            os.makedirs(os.path.dirname(box.path), mode=0o700, exist_ok=True)
            os.chmod(os.path.dirname(box.path), 0o1777 if mode == "common" else 0o700)
    conf = os.path.join(work, "mail.local.conf")
    write(conf, CONF + ("mailbox %h/.mailspool/%u\n" if users and mode == "home" else ""), "w")
    os.chmod(conf, 0o644)
    return boxes, conf


# The run.

class Run:
    """One mode: its deliveries, its readers, and the account."""

    def __init__(self, mode, copies, boxes, forms, command):
        self.mode, self.copies, self.boxes, self.forms, self.command = mode, copies, boxes, forms, command
        self.lock = threading.Lock()
        self.count = collections.Counter()
        self.notes = []

    def note(self, text):
        with self.lock:
            self.notes.append(f"{self.mode}: {text}")

    def add(self, what, number=1):
        with self.lock:
            self.count[what] += number

    def go(self, work):
        started = time.monotonic()
        stop = os.path.join(work, "stop." + self.mode)
        reports, report = os.pipe()
        sys.stdout.flush()
        readers = [self.start_reader(stop, box, reports, report) for box in self.boxes]
        os.close(report)
        queues = [collections.deque(copy for copy in self.copies if copy.box == box) for box in self.boxes]
        workers = [threading.Thread(target=self.work_off, args=(queue,), daemon=True)
                   for queue in queues for _ in range(PROCESSES)]
        for worker in workers:
            worker.start()
        try:
            self.watch(reports, workers, stop, Progress(self, started))
        except BaseException:
            for pid in readers:
                os.kill(pid, signal.SIGTERM)
            raise
        for worker in workers:
            worker.join()
        for pid in readers:
            if os.waitpid(pid, 0)[1] != 0:
                self.note("a reader failed")
                self.add("failed")
        self.account()
        self.count["seconds"] = round(time.monotonic() - started)

    def watch(self, reports, workers, stop, progress):
        """Count what the readers report until they end, which they do when everything is delivered."""
        with open(reports, "rb", buffering=0) as lines:
            text = b""
            while True:
                if select.select([lines], [], [], 0.2)[0]:
                    data = lines.read(4096)
                    if not data:
                        break
                    *whole, text = (text + data).split(b"\n")
                    for line in whole:
                        reader, number = line.decode().split()
                        self.add(reader, int(number))
                if not any(worker.is_alive() for worker in workers):
                    write(stop, b"")
                progress.show()
        progress.show(last=True)

    def start_reader(self, stop, box, reports, report):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                os.close(reports)
                read_until(stop, box, report)
                status = 0
            except BrokenPipeError:             # nobody is there to report to any more
                pass
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        return pid

    def work_off(self, queue):
        with contextlib.suppress(IndexError):
            while True:
                self.deliver(queue.popleft())
                time.sleep(random.uniform(0, PAUSE))

    def deliver(self, copy):
        """Deliver as an MTA does: what fails for now is tried again."""
        command = [*self.command, *copy.box.options, copy.box.user]
        text = tag(copy.taker, copy.number) + copy.message
        for _ in range(TRIES):
            try:
                done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      timeout=PATIENCE)
            except (OSError, subprocess.TimeoutExpired) as error:
                why = str(error)
                break
            if done.returncode == 0:
                self.add("delivered")
                return
            why = f"exit status {done.returncode}: {done.stdout.decode(errors='replace').strip()}"
            if done.returncode != TEMPFAIL:
                break
            self.add("retried")
            time.sleep(random.uniform(0.1, 0.5))
        self.add("failed")
        self.note(f"copy {copy.number}: not delivered: {why}")

    def account(self):
        """Find every copy in its mailbox or in a ledger, once, as it was delivered or as mutt is known to write it."""
        copies = {copy.number: copy for copy in self.copies}
        found = collections.Counter()
        for box in self.boxes:
            for place in box.path, *(ledger(box, reader) for reader in TAKERS[:2]):
                for sender, taker, number, text in parse(contents(place)) if os.path.exists(place) else ():
                    copy = copies.get(number)
                    if copy is None:
                        what = "no message of the demo: %r" % text[:80]
                    elif (copy.box, copy.taker, SENDER) != (box, taker, sender):
                        what = f"copy {number} for {copy.box.path} has come as {taker}'s, from {sender}"
                    elif text not in self.forms[copy.message]:
                        what = f"copy {number} is not what was sent"
                    else:
                        what = None
                    if what:
                        self.add("damaged")
                        self.note(f"{place}: {what}")
                    self.add("remaining", place == box.path)
                    found[number] += 1
        for number, copy in copies.items():
            if found[number] != 1:
                self.add("lost" if found[number] == 0 else "doubled")
                self.note(f"copy {number} for {copy.box.path} is there {found[number]} times")
        for directory in {os.path.dirname(box.path) for box in self.boxes}:
            names = set(os.listdir(directory)) if os.path.exists(directory) else set()
            for name in names - {os.path.basename(box.path) for box in self.boxes}:
                self.add("left")
                self.note(f"{os.path.join(directory, name)}: left behind")
        for reader in TAKERS[:2]:
            if not self.count[reader]:
                self.add("failed")
                self.note(f"{reader} never got anything")

    def failed(self):
        return any(self.count[what] for what in ("lost", "doubled", "damaged", "left", "failed"))


class Progress:
    """What goes on: one line that is written over on a terminal, a line now and then elsewhere."""

    def __init__(self, run, started):
        self.run, self.started, self.next = run, started, 0.0
        self.terminal = sys.stdout.isatty()

    def show(self, last=False):
        now = time.monotonic()
        if now < self.next and not last:
            return
        self.next = now + (0.2 if self.terminal else 2)
        count = self.run.count
        line = (f"{self.run.mode}: {now - self.started:3.0f} s, "
                f"{count['delivered']} of {len(self.run.copies)} delivered, {count['retried']} retried, "
                f"python took {count['python']}, mutt {count['mutt']}")
        print(f"\r{line}\033[K" if self.terminal else line, end="" if self.terminal and not last else "\n", flush=True)


def table(runs):
    head = ("mode", "mailboxes", "copies", "delivered", "retried", "python", "mutt", "remaining", "lost", "doubled",
            "damaged", "left", "seconds")
    rows = [[run.mode, len(run.boxes), len(run.copies), *(run.count[what] for what in head[3:])] for run in runs]
    print()
    for row in head, *rows:
        print("  ".join(f"{cell:>{len(name)}}" if name != "mode" else f"{cell:6}" for name, cell in zip(head, row)))
    print()


def unprivileged(program, work):
    """Return the program, or a copy where it is set-user-ID: such a one takes no mail.local.conf from its caller."""
    about = os.stat(program)
    if not about.st_mode & stat.S_ISUID or about.st_uid == os.geteuid():
        return program
    copy = os.path.join(work, "mail.local")
    shutil.copyfile(program, copy)
    os.chmod(copy, 0o755)
    return copy


def demo(arguments, work):
    messages = gather(arguments.mbox)
    os.mkdir(os.path.join(work, "learn"), mode=0o700)
    print("seeing what mutt makes of each message when it is alone ...", flush=True)
    learned = [pair for pair in zip(messages, mutt_forms(messages, os.path.join(work, "learn"))) if pair[1]]
    if len(learned) < len(messages):
        print(f"left out: {len(messages) - len(learned)} that mutt does not keep whole even then")
    if not learned:
        raise Unable("no messages are left")
    forms = {message: texts for message, texts in learned}
    program = unprivileged(arguments.mail_local, work)
    users = test_users(work) if INSIDE in os.environ else []
    each = arguments.copies or (COPIES if len(learned) <= MANY else 1)
    runs, number = [], 0
    for mode in "common", "home":
        boxes, conf = prepare(work, mode, users)
        copies = []
        for message, _ in learned:
            for box in boxes:
                for _ in range(each):
                    copies.append(Copy(number, TAKERS[number % len(TAKERS)], message, box))
                    number += 1
        random.shuffle(copies)
        command = [program, "-C", conf, "-f", SENDER, "-t", str(LIMIT)]
        runs.append(Run(mode, copies, boxes, forms, command))
        runs[-1].go(work)
    table(runs)
    notes = [note for run in runs for note in run.notes]
    for line in notes[:20]:
        print(line)
    if len(notes) > 20:
        print(f"... and {len(notes) - 20} more")
    bad = any(run.failed() for run in runs)
    print("FAILED: not every message is accounted for" if bad else
          f"every one of {number} copies is accounted for, once and byte for byte")
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description="Deliver real mail while it is read, and account for it.")
    parser.add_argument("--mail-local", metavar="PATH", default=os.environ.get("MAIL_LOCAL", "/usr/libexec/mail.local"))
    parser.add_argument("--copies", type=int, metavar="N", help=f"of a message, for each mailbox (default {COPIES})")
    parser.add_argument("mbox", nargs="*", help="more messages")
    arguments = parser.parse_args()
    if arguments.copies is not None and arguments.copies < 1:
        parser.error("--copies: at least one")
    arguments.mail_local = os.path.abspath(arguments.mail_local)
    enter_namespace()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.umask(0o022)
    work = tempfile.mkdtemp(prefix="nfslock-demo.")
    os.chmod(work, 0o711)
    status = 2
    try:
        if INSIDE in os.environ and not searchable(os.path.realpath(work)):
            raise Unable(f"{work}: the test users cannot get there: set TMPDIR to a directory that all may search")
        if not os.access(arguments.mail_local, os.X_OK):
            raise Unable(f"{arguments.mail_local}: no program")
        with contextlib.suppress(FileNotFoundError):
            about = subprocess.run(["mutt", "-v"], stdout=subprocess.PIPE).stdout
        if shutil.which("mutt") is None or b"+USE_DOTLOCK" not in about:
            raise Unable("a mutt that takes dotlocks is needed (Debian: mutt)")
        status = demo(arguments, work)
    except Unable as why:
        print(f"demo: {why}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
    finally:
        if status == 1:
            print(f"all is kept in {work}")
        else:
            for _ in range(20):                 # what was interrupted may write yet
                shutil.rmtree(work, ignore_errors=True)
                if not os.path.exists(work):
                    break
                time.sleep(0.1)
    return status


if __name__ == "__main__":
    sys.exit(main())
