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

//! Messages that can be told apart, and the account of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// A message in memory, as a file; a number in it makes each copy another.
pub struct Message {
    file: File,
    pub size: u64,
}

const HEAD: &[u8] = b"Subject: bench\n\n";
const NUMBER: &[u8] = b"Bench-Id: ";
const DIGITS: usize = 15;
/// Where the rest begins, which is the same in every copy.
const REST: u64 = (HEAD.len() + NUMBER.len() + DIGITS + 1) as u64;

fn memory() -> io::Result<File> {
    // SAFETY: a C string; the descriptor is this file's alone.
    unsafe {
        match libc::memfd_create(c"message".as_ptr(), libc::MFD_CLOEXEC) {
            -1 => Err(io::Error::last_os_error()),
            fd => Ok(File::from_raw_fd(fd)),
        }
    }
}

impl Message {
    fn of(lines: impl Iterator<Item = String>) -> io::Result<Self> {
        let mut out = BufWriter::new(memory()?);
        out.write_all(HEAD)?;
        out.write_all(NUMBER)?;
        writeln!(out, "{:0DIGITS$}", 0)?;
        for line in lines {
            writeln!(out, "{line}")?;
        }
        let mut file = out.into_inner()?;
        let size = file.stream_position()?;
        Ok(Self { file, size })
    }

    /// Lines of text, of so many bytes altogether.
    pub fn text(size: u64) -> io::Result<Self> {
        Self::of((0..(size - REST) / 64).map(|line| format!("{line:09} {:.<53}", "")))
    }

    /// So many short lines full of `From `; most follow a blank one.
    pub fn from_lines(count: u64) -> io::Result<Self> {
        Self::of((0..count).map(|line| match line % 8 {
            0 | 2 | 4 => String::new(),
            _ => format!("From a From b {}", line % 100),
        }))
    }

    /// A copy of its own.
    pub fn copy(&self) -> io::Result<Self> {
        let mut copy = memory()?;
        io::copy(&mut self.reader(0)?, &mut copy)?;
        Ok(Self {
            file: copy,
            size: self.size,
        })
    }

    /// As somebody's standard input, from its beginning, with a number.
    pub fn numbered(&self, number: u64) -> io::Result<File> {
        let text = format!("{number:0DIGITS$}");
        let at = HEAD.len() + NUMBER.len();
        self.file.write_all_at(text.as_bytes(), at as u64)?;
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }

    /// With an offset of its own.
    fn reader(&self, from: u64) -> io::Result<BufReader<File>> {
        let mut file = File::open(format!("/proc/self/fd/{}", self.file.as_raw_fd()))?;
        file.seek(SeekFrom::Start(from))?;
        Ok(BufReader::with_capacity(1 << 16, file))
    }

    /// The whole of it, in memory.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader(0)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// How often each copy stands whole in a mailbox, from an offset on, and
    /// how many are damaged.  Does who put them there quote?
    pub fn find(
        &self,
        mailbox: &Path,
        from: u64,
        quotes: bool,
    ) -> io::Result<(BTreeMap<u64, u64>, u64)> {
        let mut file = open_unseen(mailbox)?;
        file.seek(SeekFrom::Start(from))?;
        let mut lines = BufReader::with_capacity(1 << 16, file);
        let (mut whole, mut damaged) = (BTreeMap::new(), 0);
        let mut line = Vec::new();
        let mut again = false;
        while again || next(&mut lines, &mut line)? {
            again = false;
            let Some(number) = line.strip_prefix(NUMBER) else {
                continue;
            };
            let number = std::str::from_utf8(number).ok();
            let Some(number) = number.and_then(|number| number.trim_end().parse().ok()) else {
                damaged += 1;
                continue;
            };
            let mut rest = self.reader(REST)?;
            let mut expected = Vec::new();
            let (mut same, mut after_blank) = (true, false);
            while same && next(&mut rest, &mut expected)? {
                // The line that differs may be the next message's.
                again = next(&mut lines, &mut line)?;
                same = again && is_quoted(&line, &expected, after_blank);
                after_blank = quotes && expected == b"\n";
            }
            if same {
                again = false;
                *whole.entry(number).or_insert(0) += 1;
            } else {
                damaged += 1;
            }
        }
        Ok((whole, damaged))
    }
}

/// Open a mailbox without a trace: procmail sleeps for a second if somebody
/// has read it since the last message.
fn open_unseen(mailbox: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).custom_flags(libc::O_NOATIME);
    options.open(mailbox).or_else(|_| File::open(mailbox))
}

fn next(lines: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(lines.read_until(b'\n', line)? != 0)
}

/// Is a line the expected one, or that with a `>` before its `From `?  After a
/// blank line it has to be: there it would begin another message.
fn is_quoted(line: &[u8], expected: &[u8], after_blank: bool) -> bool {
    let is_from = expected.starts_with(b"From ");
    (line == expected && !(is_from && after_blank))
        || (is_from && line.strip_prefix(b">") == Some(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(mailbox: &[u8], message: &Message, quotes: bool) -> (Vec<(u64, u64)>, u64) {
        let mut file = memory().expect("memory");
        file.write_all(mailbox).expect("written");
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let (whole, damaged) = message.find(path.as_ref(), 0, quotes).expect("read");
        (whole.into_iter().collect(), damaged)
    }

    #[test]
    fn finds_what_is_whole_doubled_and_damaged() {
        let message = Message::from_lines(100).expect("a message");
        let copy = |number| {
            message.numbered(number).expect("numbered");
            let mut text = b"From x\n".to_vec();
            text.extend(message.bytes().expect("bytes"));
            text.push(b'\n');
            let text = String::from_utf8(text).expect("text");
            text.replace("\n\nFrom ", "\n\n>From ").into_bytes()
        };
        let (one, two) = (copy(1), copy(2));
        let mailbox = [&one[..], &two, &two].concat();
        assert_eq!(account(&mailbox, &message, true), (vec![(1, 1), (2, 2)], 0));
        // One in the other's place, and a byte of another.
        let cut = [&one[..one.len() / 2], &two[..]].concat();
        assert_eq!(account(&cut, &message, true), (vec![(2, 1)], 1));
        let mut other = one.clone();
        let last = other.len() - 4;
        other[last] ^= 1;
        assert_eq!(account(&other, &message, true), (vec![], 1));
        let text = String::from_utf8(one).expect("text");
        let all = text.replace("\nFrom ", "\n>From ");
        assert_eq!(account(all.as_bytes(), &message, true), (vec![(1, 1)], 0));
        // What a reader takes for the beginning of another message.
        let none = text.replace("\n>From ", "\nFrom ");
        assert_eq!(account(none.as_bytes(), &message, true), (vec![], 1));
        let found = account(none.as_bytes(), &message, false);
        assert_eq!(found, (vec![(1, 1)], 0));
    }
}
