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

//! The envelope sender, and the `From_` line that carries it.

use crate::sys;

/// No longer sender is written down.
pub const LONGEST: usize = 256;

/// The `From_` line for this sender and the current time: `From sender date`, in local time.
pub fn from_line(sender: &[u8]) -> Vec<u8> {
    let mut line = b"From ".to_vec();
    line.extend(clean(sender));
    line.extend_from_slice(format!(" {}\n", sys::local_date()).as_bytes());
    line
}

/// A sender that is one word whatever was given: nothing in it can end the line, end the word, or
/// speak to a terminal.
fn clean(sender: &[u8]) -> Vec<u8> {
    match sender {
        b"" | b"<>" => b"MAILER-DAEMON".to_vec(),
        _ => sender
            .iter()
            .take(LONGEST)
            .map(|byte| if byte.is_ascii_graphic() { *byte } else { b'_' })
            .collect(),
    }
}
