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

//! Where a mailbox lies, as a template: `/var/mail/%u`, `%h/.mailspool/%u`, `/var/mail/%1/%2/%u`.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::recipient::Recipient;
use crate::status::Failure;

enum Part {
    Text(Vec<u8>),
    /// %u
    User,
    /// %1 and %2: this byte of the name, counted from 0.
    Byte(usize),
}

/// A mailbox's place for any user.
pub struct Template {
    home: bool,
    parts: Vec<Part>,
}

/// A mailbox's place for one user.
#[derive(PartialEq, Eq)]
pub struct Expanded {
    /// The mailbox itself.
    pub path: PathBuf,
    /// It lies under the user's home, where the user decides what every name means.
    pub in_home: bool,
}

impl Default for Template {
    /// The mailbox that every reader knows: /var/mail/%u.
    fn default() -> Self {
        Self {
            home: false,
            parts: vec![Part::Text(b"/var/mail/".to_vec()), Part::User],
        }
    }
}

impl Template {
    /// Read a template.  The answer on failure says what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let wrong = |why: &str| format!("template \"{}\" {why}", String::from_utf8_lossy(text));
        let (home, rest) = match text {
            [b'%', b'h', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        if rest.first() != Some(&b'/') {
            return Err(wrong("must begin with / or %h/"));
        }
        if matches!(
            rest.rsplit(|byte| *byte == b'/').next(),
            Some(b"" | b"." | b"..") | None
        ) {
            return Err(wrong("must end in a file's name"));
        }
        if rest.iter().any(u8::is_ascii_control) {
            return Err(wrong("has a control character in it"));
        }
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        let mut bytes = rest.iter();
        while let Some(&byte) = bytes.next() {
            if byte != b'%' {
                literal.push(byte);
                continue;
            }
            let part = match bytes.next() {
                Some(b'%') => {
                    literal.push(b'%');
                    continue;
                }
                Some(b'u') => Part::User,
                Some(b'1') => Part::Byte(0),
                Some(b'2') => Part::Byte(1),
                Some(b'h') => return Err(wrong("has %h elsewhere than at its start")),
                _ => return Err(wrong("may have %u, %h, %1, %2 and %% alone")),
            };
            parts.push(Part::Text(core::mem::take(&mut literal)));
            parts.push(part);
        }
        parts.push(Part::Text(literal));
        Ok(Self { home, parts })
    }

    /// Whether no two users get one mailbox by it.
    pub fn tells_users_apart(&self) -> bool {
        self.home || self.parts.iter().any(|part| matches!(part, Part::User))
    }

    /// Where this user's mailbox lies.
    pub fn expand(&self, recipient: &Recipient) -> Result<Expanded, Failure> {
        let mut path = Vec::new();
        if self.home {
            let home = recipient.home.as_os_str().as_bytes();
            if home.first() != Some(&b'/') {
                return Err(Failure::temporary(format!(
                    "home directory \"{}\" is not an absolute path; give the user a home",
                    recipient.home.display()
                )));
            }
            path.extend_from_slice(home);
        }
        let name = &recipient.name;
        for part in &self.parts {
            match part {
                Part::Text(text) => path.extend_from_slice(text),
                Part::User => path.extend_from_slice(name),
                Part::Byte(at) => path.extend(name.get(*at).or(name.last())),
            }
        }
        Ok(Expanded {
            path: PathBuf::from(OsString::from_vec(path)),
            in_home: self.home,
        })
    }
}
