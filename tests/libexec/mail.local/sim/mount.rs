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

//! What the lock protocol asks of a host and of its file system, asked of the
//! simulated world.

use std::collections::btree_map::Entry;
use std::ffi::{c_int, CStr, CString};

use nfslock::filesystem::{Attributes, Contents, FileSystem, Kind, Look, ServerTime};
use nfslock::host::Host;
use nfslock::identity::{Identity, Token};
use nfslock::timing::Span;

use crate::process::{self, is_dying, me, now, request, simply, tell, trace, wait, with};
use crate::world::{self, text, Late, World};

/// The directory, as the process that asks sees it.
pub struct Mount;

fn server_time(time: u64) -> ServerTime {
    ServerTime {
        seconds: 1_000_000_000 + i64::try_from(time / world::SECOND).unwrap_or(0),
        nanoseconds: i64::try_from(time % world::SECOND).unwrap_or(0),
    }
}

fn attributes(world: &World, number: u64) -> Result<Attributes, c_int> {
    let file = world.file(number)?;
    Ok(Attributes {
        dev: 7,
        ino: number,
        nlink: file.nlink,
        uid: 100,
        size: i64::try_from(file.data.len()).unwrap_or(0),
        kind: Kind::Regular,
        mtime: server_time(file.mtime),
        ctime: server_time(file.ctime),
    })
}

fn look(world: &World, name: &CStr) -> Result<Look, c_int> {
    let number = world.find(name)?;
    let contents = Token::parse(&text(&world.file(number)?.data));
    Ok(Look {
        attributes: attributes(world, number)?,
        contents: contents.map_or(Contents::Foreign, Contents::Ours),
    })
}

fn told(attributes: &Attributes) {
    let (mtime, ctime) = (&attributes.mtime, &attributes.ctime);
    tell((attributes.ino, attributes.nlink, attributes.size));
    tell((mtime.seconds, mtime.nanoseconds));
    tell((ctime.seconds, ctime.nanoseconds));
    trace(|| format!("    file {}, {} names", attributes.ino, attributes.nlink));
}

fn told_look(found: Result<Look, c_int>) -> Result<Look, c_int> {
    if let Ok(found) = &found {
        told(&found.attributes);
        if let Contents::Ours(token) = &found.contents {
            tell(token.as_bytes());
        }
    }
    found
}

impl FileSystem for Mount {
    fn is_local(&self) -> bool {
        with(|world, _| world.local)
    }

    fn create(&self, name: &CStr, contents: &[u8]) -> Result<Attributes, c_int> {
        let made = request(
            process::Kind::Create,
            name,
            None,
            |world, me| {
                let data = contents.iter().map(|byte| (*byte, me)).collect();
                let number = world.create(name, data)?;
                attributes(world, number)
            },
            |_| Err(libc::EEXIST),
        );
        made.inspect(told)
    }

    fn link(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        request(
            process::Kind::Link,
            to,
            Some(Late::Link(from.to_owned(), to.to_owned())),
            |world, _| world.link(from, to),
            |()| Err(libc::EEXIST),
        )
    }

    fn stat(&self, name: &CStr) -> Result<Attributes, c_int> {
        let found = simply(process::Kind::Stat, name, |world, _| {
            attributes(world, world.find(name)?)
        });
        found.inspect(told)
    }

    fn look(&self, name: &CStr) -> Result<Look, c_int> {
        told_look(simply(process::Kind::Look, name, |world, me| {
            world.looked(me, name);
            look(world, name)
        }))
    }

    fn read(&self, name: &CStr) -> Result<Option<Token>, c_int> {
        self.look(name).map(|found| match found.contents {
            Contents::Ours(token) => Some(token),
            _ => None,
        })
    }

    fn touch(&self, name: &CStr, expected: &Identity) -> Result<Look, c_int> {
        let found = self.look(name)?;
        if !found.is(expected) {
            return Ok(found);
        }
        simply(process::Kind::Touch, name, |world, _| {
            let now = world.now;
            let file = world.files.get_mut(&expected.ino).ok_or(libc::ESTALE)?;
            (file.mtime, file.ctime) = (now, now);
            Ok(())
        })?;
        self.look(name)
    }

    fn unlink(&self, name: &CStr) -> Result<(), c_int> {
        request(
            process::Kind::Unlink,
            name,
            Some(Late::Unlink(name.to_owned())),
            |world, me| world.unlink(Some(me), name),
            |()| Err(libc::ENOENT),
        )
    }

    fn rename(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        request(
            process::Kind::Rename,
            to,
            Some(Late::Rename(from.to_owned(), to.to_owned())),
            |world, me| world.rename(Some(me), from, to),
            |()| Err(libc::ENOENT),
        )
    }

    fn restore(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        self.link(from, to)
    }

    fn list(&self, each: &mut dyn FnMut(&CStr)) -> Result<(), c_int> {
        let names: Vec<CString> = with(|world, _| world.names.keys().cloned().collect());
        tell(&names);
        names.iter().for_each(|name| each(name));
        Ok(())
    }
}

/// A process's own presence, which its kernel ends when it is dropped or the
/// process dies.
pub struct Present(u64);

impl Drop for Present {
    fn drop(&mut self) {
        if !is_dying() {
            with(|world, _| world.end_presence(self.0));
        }
    }
}

/// What this process finds on its host.
fn here<T: std::hash::Hash>(act: impl FnOnce(&mut world::Host) -> T, none: T) -> T {
    if is_dying() {
        return none;
    }
    let found = with(|world, me| act(&mut world.hosts[world.host_of[me]]));
    tell(&found);
    found
}

impl Host for Mount {
    type Presence = Present;
    type Neighbour = u64;

    fn monotonic(&self) -> Span {
        Span::from_nanos(now())
    }

    fn wait(&self, time: Span) {
        wait(time.as_nanos(), None);
    }

    fn random(&self) -> u64 {
        let random = with(|world, me| world.random(me)) | 1;
        tell(random);
        random
    }

    fn pid(&self) -> i32 {
        i32::try_from(me()).unwrap_or(0) + 100
    }

    fn token(&self) -> Token {
        let host = with(|world, me| world.host_of[me]);
        Token::new(
            format!("host{host}").as_bytes(),
            self.pid(),
            7,
            self.random(),
        )
    }

    fn appear(&self, token: &Token) -> Option<Present> {
        let number = with(|world, me| world.appear(me, token));
        Some(Present(number))
    }

    fn withdraw(&self, presence: &Present) -> bool {
        let present = |_: &_, found: &mut world::Presence| found.number != presence.0;
        here(|host| host.present.retain(present), ());
        true
    }

    fn ring(&self, presence: &Present) {
        if !is_dying() {
            with(|world, _| world.ended.insert(presence.0));
        }
    }

    fn neighbour(&self, token: &Token) -> Option<u64> {
        let find = |host: &mut world::Host| {
            let present = host.present.get(token.as_bytes());
            present
                .filter(|present| !present.ended)
                .map(|present| present.number)
        };
        here(find, None)
    }

    fn outlived(&self, neighbour: &u64, time: Span) -> bool {
        let has_ended = || with(|world, _| world.ended.contains(neighbour));
        if !has_ended() {
            wait(time.as_nanos(), Some(*neighbour));
        }
        let ended = has_ended();
        tell(ended);
        ended
    }

    fn is_dead(&self, token: &Token, _: u32) -> bool {
        let dead = with(|world, me| {
            let present = world.hosts[world.host_of[me]].present.get(token.as_bytes());
            present.is_some_and(|present| present.ended && world.gone.contains(&present.process))
        });
        tell(dead);
        dead
    }

    fn inherit(&self, token: &Token) -> bool {
        here(
            |host| host.present.remove(token.as_bytes()).is_some(),
            false,
        )
    }

    fn line_up(&self, ahead: &Token, own: &Token) -> bool {
        let line_up = |host: &mut world::Host| {
            let behind = host.behind.entry(*ahead.as_bytes());
            // Not even by the one who asks.
            let free = matches!(behind, Entry::Vacant(_));
            behind.or_insert(*own.as_bytes());
            free
        };
        here(line_up, false)
    }

    fn next_after(&self, ahead: &Token) -> Option<Token> {
        let next = here(|host| host.behind.get(ahead.as_bytes()).copied(), None);
        next.and_then(|next| Token::parse(&next))
    }

    fn is_last(&self, token: &Token) -> bool {
        self.next_after(token).is_none()
    }

    fn step_out(&self, ahead: &Token) {
        here(|host| host.behind.remove(ahead.as_bytes()), None);
    }

    fn tidy(&self) {}
}
