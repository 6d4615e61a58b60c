// $NetBSD$
//
// Copyright (c) 2026 The libnfslock authors.
// All rights reserved.
//
// Redistribution and use in source and binary forms, with or without
// modification, are permitted provided that the following conditions
// are met:
// 1. Redistributions of source code must retain the above copyright
//    notice, this list of conditions and the following disclaimer.
// 2. Redistributions in binary form must reproduce the above copyright
//    notice, this list of conditions and the following disclaimer in the
//    documentation and/or other materials provided with the distribution.
//
// THIS SOFTWARE IS PROVIDED BY THE AUTHORS AND CONTRIBUTORS ``AS IS'' AND
// ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
// IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
// ARE DISCLAIMED.  IN NO EVENT SHALL THE AUTHORS OR CONTRIBUTORS BE LIABLE
// FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
// DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS
// OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
// HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT
// LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY
// OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF
// SUCH DAMAGE.

//! What is told to the administrator (syslog) and to the caller (standard error).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;

use crate::status::Failure;
use crate::sys::{self, Priority};

/// A longer line could block on a pipe, or be cut by syslogd(8) where it matters.  With the program's
/// name it stays below the 512 bytes that every pipe takes.
const LONGEST: usize = 480;
/// What is kept of each end of a longer one.
const HALF: usize = 230;

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// What is not told yet.
static LINES: Mutex<Vec<(Priority, String)>> = Mutex::new(Vec::new());

/// Begin to log; `verbose` has each step told on standard error.
pub fn open(verbose: bool) {
    VERBOSE.store(verbose, Ordering::Relaxed);
}

/// Why a recipient, or everybody, does not get the message.
pub fn failure(recipient: Option<&[u8]>, failure: &Failure) {
    keep(Priority::Error, line(recipient, &failure.what));
}

/// Something that is odd but stops nothing.
pub fn note(recipient: &[u8], what: &str) {
    keep(Priority::Notice, line(Some(recipient), what));
}

/// A step that was done, if the caller wants to see them.
pub fn step(recipient: &[u8], what: impl FnOnce() -> String) {
    if VERBOSE.load(Ordering::Relaxed) {
        keep(Priority::Step, line(Some(recipient), &what()));
    }
}

fn keep(priority: Priority, line: String) {
    if let Ok(mut lines) = LINES.lock() {
        lines.push((priority, line));
    }
}

/// Tell everything so far.  Not while a lock is held: whoever does not read what he is told, be it the
/// caller or syslogd(8), would have it held for as long as he likes.
pub fn tell() {
    let lines = LINES.lock().map(|mut lines| core::mem::take(&mut *lines));
    for (priority, line) in lines.unwrap_or_default() {
        sys::write_error(&format!("mail.local: {line}\n"));
        sys::log(priority, &line);
    }
}

/// One line without control characters: names and paths are others' text, and must not be able to
/// forge a second line or to talk to a terminal.  A long one loses its middle, since what failed
/// stands at its start and why at its end.
fn line(recipient: Option<&[u8]>, what: &str) -> String {
    let name = recipient.map(String::from_utf8_lossy);
    let text = name.map_or_else(|| what.to_owned(), |name| format!("{name}: {what}"));
    let text = text.replace(char::is_control, "?");
    if text.len() <= LONGEST {
        return text;
    }
    let part = |part| String::from_utf8_lossy(part).into_owned();
    let (start, rest) = text.as_bytes().split_at_checked(HALF).unwrap_or_default();
    let end = rest.get(rest.len().saturating_sub(HALF)..);
    format!("{}...{}", part(start), part(end.unwrap_or_default()))
}
