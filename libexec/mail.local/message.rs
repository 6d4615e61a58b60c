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

//! The message: read once from standard input, in the form in which mailboxes hold it.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::unistd::{mkstemp, unlink};
#[cfg(target_os = "linux")]
use nix::{
    fcntl::{open, OFlag},
    sys::stat::Mode,
};

use crate::caller::Caller;
use crate::status::Failure;
use crate::sys;

/// A message up to this size is held in memory, a longer one in a temporary file.
const IN_MEMORY: usize = 1 << 20;
const BUFFER: usize = 1 << 16;
/// Most messages are short, and each page of memory takes its time.
const FIRST_BUFFER: usize = 1 << 13;
const FROM: &[u8] = b"From ";
const NOTHING: &str = "nothing was delivered";

/// A message, quoted, and ended with the blank line that separates it from the next.
pub struct Message {
    memory: Vec<u8>,
    file: Option<BufWriter<File>>,
    length: u64,
}

impl Message {
    /// Read standard input to its end.
    pub fn read(caller: &Caller, input_open: bool, quote_all: bool) -> Result<Self, Failure> {
        let failed =
            |errno| Failure::system("cannot read the message", errno).with("nothing was delivered");
        if !input_open {
            return Err(failed(Errno::EBADF));
        }
        let mut message = Self {
            memory: Vec::new(),
            file: None,
            length: 0,
        };
        let mut quoter = Quoter::new(quote_all);
        let mut buffer = vec![0; FIRST_BUFFER];
        loop {
            if sys::interrupted() {
                return Err(Failure::interrupted());
            }
            let count = match sys::read_input(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(Errno::EINTR | Errno::EAGAIN) => continue,
                Err(errno) => return Err(failed(errno)),
            };
            let input = buffer.get(..count).unwrap_or_default();
            quoter.quote(input, &mut |text| message.add(text, caller))?;
            if count == buffer.len() {
                buffer.resize(BUFFER, 0);
            }
        }
        quoter.finish(&mut |text| message.add(text, caller))?;
        if let Some(file) = &mut message.file {
            file.flush().map_err(|error| temporary_file(&error))?;
            let file = file.get_ref();
            // A server may tell only now that there was no room for it.
            if sys::is_on_nfs(file) != Ok(false) {
                file.sync_all().map_err(|error| temporary_file(&error))?;
            }
        }
        Ok(message)
    }

    /// Hand out the message piece by piece.
    pub fn each(&self, act: &mut dyn FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
        let Some(file) = &self.file else {
            return self.memory.chunks(BUFFER).try_for_each(act);
        };
        let mut buffer = vec![0; BUFFER];
        let mut at: u64 = 0;
        while at < self.length {
            let count = match file.get_ref().read_at(&mut buffer, at) {
                Ok(0) => return Err(temporary_file(&ErrorKind::UnexpectedEof.into())),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(temporary_file(&error)),
            };
            act(buffer.get(..count).unwrap_or_default())?;
            at = at.saturating_add(count as u64);
        }
        Ok(())
    }

    fn add(&mut self, bytes: &[u8], caller: &Caller) -> Result<(), Failure> {
        self.length = self.length.saturating_add(bytes.len() as u64);
        if self.file.is_none() && self.memory.len().saturating_add(bytes.len()) <= IN_MEMORY {
            self.memory.extend_from_slice(bytes);
            return Ok(());
        }
        let mut file = if let Some(file) = self.file.take() {
            file
        } else {
            let file = caller.as_program(unlinked_file)?;
            // What is long passes by the buffer.
            let mut file = BufWriter::with_capacity(BUFFER, file);
            let memory = core::mem::take(&mut self.memory);
            file.write_all(&memory)
                .map_err(|error| temporary_file(&error))?;
            file
        };
        file.write_all(bytes)
            .map_err(|error| temporary_file(&error))?;
        self.file = Some(file);
        Ok(())
    }
}

/// A file without a name, so that nobody else can open it and nothing is left behind.  It is the
/// program's own: if its caller could open it before the name is gone, he could take the quoting out
/// of it again.
fn unlinked_file() -> Result<File, Failure> {
    // Not TMPDIR: a caller must not choose where a setuid program writes.
    #[cfg(target_os = "linux")]
    if let Ok(file) = open(
        "/tmp",
        OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_EXCL | OFlag::O_CLOEXEC,
        Mode::S_IRUSR | Mode::S_IWUSR,
    ) {
        return Ok(File::from(file));
    }
    let (file, path) = mkstemp("/tmp/mail.local.XXXXXX").map_err(|errno| {
        Failure::system("cannot make a temporary file in /tmp", errno).with(NOTHING)
    })?;
    unlink(&path).map_err(|errno| Failure::system(path.display(), errno))?;
    Ok(File::from(file))
}

fn temporary_file(error: &std::io::Error) -> Failure {
    Failure::io("temporary file in /tmp", error).with(NOTHING)
}

/// Where in a line the quoter is.
#[derive(Clone, Copy)]
enum State {
    /// So many bytes of `From ` stand at the start of a line that would be quoted; they are held
    /// back until the line shows what it is.
    Matching(usize),
    /// At the start of a line that is not quoted.
    Start,
    /// A line of one carriage return so far: if no more follows it is blank.
    Return,
    /// Further on.
    Within,
}

/// Where text goes, a piece after the other.
type Output<'a> = dyn FnMut(&[u8]) -> Result<(), Failure> + 'a;

/// Puts `>` before each line that a reader would take for the beginning of a message.  It works on
/// any cut of the text into pieces, and so on lines of any length.
struct Quoter {
    all: bool,
    state: State,
    last: Option<u8>,
}

impl Quoter {
    fn new(all: bool) -> Self {
        Self {
            all,
            state: State::Matching(0),
            last: None,
        }
    }

    /// Hand on the next piece of the text, quoted.
    fn quote(&mut self, input: &[u8], output: &mut Output) -> Result<(), Failure> {
        // What is not handed on yet begins there.
        let mut begin = 0;
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match self.state {
                // Most of a message: what follows the first few bytes of a line.
                State::Within => {
                    let rest = input.get(at..).unwrap_or_default();
                    let Some(line) = sys::position(b'\n', rest) else {
                        break;
                    };
                    self.state = self.after(State::Within, b'\n');
                    at = at.saturating_add(line).saturating_add(1);
                    continue;
                }
                State::Matching(matched) if FROM.get(matched) == Some(&byte) => {
                    if matched == 0 {
                        output(input.get(begin..at).unwrap_or_default())?;
                    }
                    let matched = matched.saturating_add(1);
                    self.state = State::Matching(matched);
                    // Not handed on before it is clear what it is.
                    begin = at.saturating_add(1);
                    if matched == FROM.len() {
                        output(b">")?;
                        output(FROM)?;
                        self.state = State::Within;
                    }
                }
                State::Matching(matched) if matched > 0 => {
                    output(FROM.get(..matched).unwrap_or_default())?;
                    self.state = self.after(State::Within, byte);
                }
                state => self.state = self.after(state, byte),
            }
            at = at.saturating_add(1);
        }
        self.last = input.last().copied().or(self.last);
        output(input.get(begin..).unwrap_or_default())
    }

    /// The state after a byte that is no part of a `From ` held back.
    fn after(&self, state: State, byte: u8) -> State {
        match (state, byte) {
            (State::Within, b'\n') if !self.all => State::Start,
            (_, b'\n') => State::Matching(0),
            // A line that holds nothing but a carriage return looks blank to a reader.
            (State::Start | State::Matching(_), b'\r') => State::Return,
            _ => State::Within,
        }
    }

    /// What is missing at the end: a newline, and the blank line.
    fn finish(self, output: &mut Output) -> Result<(), Failure> {
        if let State::Matching(matched) = self.state {
            output(FROM.get(..matched).unwrap_or_default())?;
        }
        if !matches!(self.last, None | Some(b'\n')) {
            output(b"\n")?;
        }
        output(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, Quoter};

    #[allow(clippy::unnecessary_wraps)] // as what is called
    fn add(output: &mut Vec<u8>, text: &[u8]) -> Result<(), Failure> {
        output.extend_from_slice(text);
        Ok(())
    }

    /// The same text in pieces of every size must come out alike.
    fn check(all: bool, text: &[u8], expected: &[u8]) {
        for size in 1..=text.len().max(1) {
            let mut quoter = Quoter::new(all);
            let mut output = Vec::new();
            for piece in text.chunks(size) {
                let done = quoter.quote(piece, &mut |text| add(&mut output, text));
                assert!(done.is_ok());
            }
            let done = quoter.finish(&mut |text| add(&mut output, text));
            assert!(done.is_ok());
            assert_eq!(output, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn quotes_after_a_blank_line() {
        check(
            false,
            b"From a\nFrom b\n\nFrom c\n",
            b">From a\nFrom b\n\n>From c\n\n",
        );
        check(false, b"x\r\n\r\nFrom c\r\n", b"x\r\n\r\n>From c\r\n\n");
        check(
            false,
            b"\nFro\n\nFromage\n\n\rFrom x",
            b"\nFro\n\nFromage\n\n\rFrom x\n\n",
        );
    }

    #[test]
    fn quotes_every_line() {
        check(
            true,
            b"a\nFrom b\n>From c\nFrom",
            b"a\n>From b\n>From c\nFrom\n\n",
        );
    }

    #[test]
    fn keeps_every_byte() {
        check(false, b"", b"\n");
        check(false, b"F", b"F\n\n");
        check(false, b"\0\xff\0\n\0From \n", b"\0\xff\0\n\0From \n\n");
    }
}
