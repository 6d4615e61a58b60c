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

//! What the delivery agents see instead of the machine's mail: a mount
//! namespace with an /etc, a /var/mail and an /mnt of its own, and a /dev/shm
//! where no other process of the machine has left anything that would be
//! tidied.  The machine's are never touched.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{chown, DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::peers::Peers;
use crate::workloads::Place;

pub const MAIL: &str = "/var/mail";
/// A directory in memory.
pub const MEMORY: &str = "/dev/shm";
/// Users there are, each with a mailbox and a home.
pub const USERS: usize = 32;
const FIRST_ID: u32 = 61000;

pub fn user(number: usize) -> String {
    format!("bench{number}")
}

pub fn id(number: usize) -> u32 {
    FIRST_ID + u32::try_from(number).unwrap_or(0)
}

pub fn home(number: usize) -> PathBuf {
    Path::new("/mnt/home").join(user(number))
}

/// Become one of them.
pub fn become_user(id: u32) {
    // SAFETY: a child that has nothing to do but run one program.
    unsafe {
        libc::setgroups(0, std::ptr::null());
        libc::setgid(id);
        libc::setuid(id);
    }
}

/// What is mounted over would be measured under the name of what is below.
pub fn check(place: &Path) -> Result<(), String> {
    let mail = fs::canonicalize(MAIL).unwrap_or_else(|_| MAIL.into());
    match [Path::new("/mnt"), &mail]
        .iter()
        .find(|over| place.starts_with(over))
    {
        None => Ok(()),
        Some(over) => Err(format!(
            "{}: nothing can be measured below {}, which is mounted over",
            place.display(),
            over.display()
        )),
    }
}

/// Go there, with these directories to measure in.  Says where the peers and
/// the program are in it.
pub fn enter(
    out: &Path,
    peers: &Path,
    ours: &Path,
    places: &[Place],
) -> Result<(Peers, PathBuf), String> {
    // SAFETY: takes nothing.
    if unsafe { libc::geteuid() } != 0 {
        return Err("only root can mount what they have compiled in".to_owned());
    }
    for directory in [MAIL, "/mnt"] {
        if !Path::new(directory).is_dir() {
            return Err(format!("there is no {directory} to mount over"));
        }
    }
    if [out, peers, ours]
        .iter()
        .any(|path| path.starts_with("/mnt"))
    {
        return Err("/mnt is mounted over, and what is needed is in it".to_owned());
    }
    let world = build(out, peers, ours);
    let world = world.map_err(|error| format!("no private mounts: {error}"))?;
    let memory = Path::new(MEMORY);
    let below = |path: &Path| path != memory && path.starts_with(memory);
    if memory.is_dir() && !below(out) && !places.iter().any(|place| below(&place.directory)) {
        mount(None, memory, Some("tmpfs"), 0, "mode=1777")
            .map_err(|error| format!("{MEMORY}: {error}"))?;
    }
    Ok(world)
}

fn build(out: &Path, peers: &Path, ours: &Path) -> io::Result<(Peers, PathBuf)> {
    let world = out.join("world");
    let etc = world.join("etc");
    let _ = fs::remove_dir_all(&world);
    // Programs of the peers lie in it, and a directory that all may write.
    fs::DirBuilder::new().mode(0o700).create(&world)?;
    fs::create_dir(&etc)?;
    // Copies of programs lie on the disk as all others do.
    let scratch = world.join("scratch");
    fs::create_dir(&scratch)?;
    // The cache of libraries, with the peers' own ones.
    Command::new("cp")
        .arg("-RP")
        .args(ld_so())
        .arg(&etc)
        .status()?;
    let mut passwd = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/bin/sh\n\
                      nobody:x:65534:65534::/:/bin/sh\n"
        .to_owned();
    let mut group = "root:x:0:\ndaemon:x:1:\nmail:x:8:\nnogroup:x:65534:\n".to_owned();
    for number in 0..USERS {
        let (user, id, home) = (user(number), id(number), home(number));
        passwd += &format!("{user}:x:{id}:{id}:{user}:{}:/bin/sh\n", home.display());
        group += &format!("{user}:x:{id}:\n");
    }
    fs::write(etc.join("passwd"), passwd)?;
    fs::write(etc.join("group"), group)?;
    fs::write(etc.join("hosts"), "127.0.0.1 localhost\n")?;
    let databases = "passwd: files\ngroup: files\nservices: files\nhosts: files\n";
    fs::write(etc.join("nsswitch.conf"), databases)?;
    fs::write(etc.join("mail.local.conf"), "")?;

    // SAFETY: the process has one thread.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        return Err(io::Error::last_os_error());
    }
    mount(
        None,
        Path::new("/"),
        None,
        libc::MS_REC | libc::MS_PRIVATE,
        "",
    )?;
    mount(None, Path::new("/mnt"), Some("tmpfs"), 0, "mode=755")?;
    for (from, to) in [
        (Some(peers), "peers"),
        (ours.parent(), "ours"),
        (Some(scratch.as_path()), "scratch"),
        (None, "home"),
    ] {
        let to = Path::new("/mnt").join(to);
        fs::create_dir(&to)?;
        if let Some(from) = from.filter(|from| from.is_dir()) {
            bind(from, &to)?;
        }
    }
    bind(&etc, Path::new("/etc"))?;
    // What has its own helpers compiled in finds them.
    for directory in ["usr/bin", "usr/libexec"] {
        let (upper, lower) = (peers.join(directory), Path::new("/").join(directory));
        if upper.is_dir() && lower.is_dir() {
            let both = format!("lowerdir={}:{}", upper.display(), lower.display());
            if let Err(error) = mount(None, &lower, Some("overlay"), 0, &both) {
                eprintln!("bench: {}: {error}", lower.display());
            }
        }
    }
    let peers = Peers::new("/mnt/peers".into(), "/mnt/scratch".into());
    fs::set_permissions(&peers.scratch, fs::Permissions::from_mode(0o1777))?;
    let mut directories = String::new();
    for directory in peers.library_directories() {
        directories += &format!("{}\n", directory.display());
    }
    fs::create_dir_all("/etc/ld.so.conf.d")?;
    fs::write("/etc/ld.so.conf.d/bench.conf", directories)?;
    // It writes a cache of its own there, too, which is the machine's.
    let auxiliary = Path::new("/var/cache/ldconfig");
    if auxiliary.is_dir() {
        mount(None, auxiliary, Some("tmpfs"), 0, "mode=700")?;
    }
    Command::new("/sbin/ldconfig").arg("-X").status()?;
    for number in 0..USERS {
        let home = home(number);
        fs::create_dir(&home)?;
        chown(&home, Some(id(number)), Some(id(number)))?;
    }
    let program = ours.file_name().unwrap_or_default();
    // One that is set-user-id is neither followed by strace nor by valgrind.
    let copy = peers.scratch.join("mail.local");
    fs::copy(Path::new("/mnt/ours").join(program), &copy)?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
    Ok((peers, copy))
}

fn ld_so() -> impl Iterator<Item = PathBuf> {
    fs::read_dir("/etc")
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().as_bytes().starts_with(b"ld.so."))
        .map(|entry| entry.path())
}

/// Have /var/mail be a directory that all may write.
pub fn deliver_into(directory: &Path) -> io::Result<()> {
    // SAFETY: a C string.
    while unsafe { libc::umount2(c"/var/mail".as_ptr(), libc::MNT_DETACH) } == 0 {}
    fs::set_permissions(directory, fs::Permissions::from_mode(0o1777))?;
    bind(directory, Path::new(MAIL))
}

fn bind(from: &Path, to: &Path) -> io::Result<()> {
    mount(Some(from), to, None, libc::MS_BIND | libc::MS_REC, "")
}

fn mount(
    from: Option<&Path>,
    to: &Path,
    kind: Option<&str>,
    flags: libc::c_ulong,
    data: &str,
) -> io::Result<()> {
    let from = CString::new(from.unwrap_or(Path::new("none")).as_os_str().as_bytes())?;
    let to = CString::new(to.as_os_str().as_bytes())?;
    let kind = CString::new(kind.unwrap_or("none"))?;
    let data = CString::new(data)?;
    // SAFETY: C strings of this frame.
    let status = unsafe {
        libc::mount(
            from.as_ptr(),
            to.as_ptr(),
            kind.as_ptr(),
            flags,
            data.as_ptr().cast(),
        )
    };
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
