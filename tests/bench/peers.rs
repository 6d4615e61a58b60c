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

//! Where the peers are, and what is missing of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs of others: unpacked by share/setup, or installed.
pub struct Peers {
    /// Where they are unpacked.
    pub unpacked: PathBuf,
    /// For copies of programs that have rights, and configurations.
    pub scratch: PathBuf,
    missing: RefCell<BTreeMap<String, String>>,
}

/// Where libraries lie in what is unpacked; * is the machine's name.
const LIBRARIES: [&str; 5] = [
    "usr/lib/*",
    "usr/lib",
    "lib/*",
    "usr/lib/dovecot",
    "usr/lib/postfix",
];

impl Peers {
    pub fn new(unpacked: PathBuf, scratch: PathBuf) -> Self {
        Self {
            unpacked,
            scratch,
            missing: RefCell::default(),
        }
    }

    /// Remember that a peer cannot be had.
    pub fn miss(&self, name: &str, why: &str) {
        let mut missing = self.missing.borrow_mut();
        missing.insert(name.to_owned(), why.to_owned());
    }

    pub fn missing(&self) -> BTreeMap<String, String> {
        self.missing.borrow().clone()
    }

    /// A peer's program, without set-user-id or set-group-id: neither
    /// strace nor valgrind can follow those, and root needs none.
    pub fn program(&self, name: &str, package: &str, program: &str) -> Option<PathBuf> {
        let found = self.find(program);
        if found.is_none() {
            self.miss(name, &format!("no {program}, of the package {package}"));
        }
        let found = found?;
        let mode = fs::metadata(&found).ok()?.permissions().mode();
        if mode & 0o6000 == 0 {
            return Some(found);
        }
        let copy = self.scratch.join(found.file_name()?);
        fs::copy(&found, &copy).ok()?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).ok()?;
        Some(copy)
    }

    fn find(&self, program: &str) -> Option<PathBuf> {
        if program.contains('/') {
            let path = Path::new("/").join(program);
            return Some(self.unpacked.join(program))
                .filter(|path| path.exists())
                .or(Some(path).filter(|path| path.exists()));
        }
        let path = env::var_os("PATH").unwrap_or_default();
        ["usr/bin", "usr/sbin"]
            .iter()
            .map(|directory| self.unpacked.join(directory))
            .chain(env::split_paths(&path))
            .chain([PathBuf::from("/usr/sbin")])
            .map(|directory| directory.join(program))
            .find(|path| path.is_file())
    }

    pub fn library_directories(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        for directory in LIBRARIES {
            match directory.strip_suffix("/*") {
                None => all.push(self.unpacked.join(directory)),
                Some(above) => all.extend(
                    fs::read_dir(self.unpacked.join(above))
                        .into_iter()
                        .flatten()
                        .flatten()
                        .map(|entry| entry.path())
                        .filter(|path| path.to_string_lossy().ends_with("-linux-gnu")),
                ),
            }
        }
        all.retain(|path| path.is_dir());
        all
    }

    pub fn library_path(&self) -> String {
        let all = self.library_directories();
        let all: Vec<_> = all.iter().map(|path| path.to_string_lossy()).collect();
        all.join(":")
    }

    /// A library's path, or its name where the system has it.
    pub fn library(&self, name: &str) -> PathBuf {
        self.library_directories()
            .into_iter()
            .map(|directory| directory.join(name))
            .find(|path| path.exists())
            .unwrap_or_else(|| name.into())
    }

    /// A configuration for postlock, which wants users that are there, and
    /// nothing else of Postfix.
    pub fn postfix(&self) -> String {
        let directory = self.scratch.join("postfix");
        let path = directory.to_string_lossy().into_owned();
        let text = format!(
            "compatibility_level = 3.6\nmail_owner = daemon\nsetgid_group = mail\n\
             queue_directory = {path}\ndata_directory = {path}\n"
        );
        if fs::create_dir_all(&directory).is_err()
            || fs::write(directory.join("main.cf"), text).is_err()
        {
            self.miss("postlock", "its configuration could not be written");
        }
        path
    }

    /// The version of a package: of what was unpacked, or is installed.
    pub fn version(&self, package: &str) -> Option<String> {
        let unpacked = fs::read_dir(&self.unpacked).ok().and_then(|entries| {
            entries.flatten().find_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let mut parts = name.strip_suffix(".deb")?.split('_');
                (parts.next()? == package).then(|| parts.next().map(str::to_owned))?
            })
        });
        unpacked
            .map(|version| version.replace("%3a", ":"))
            .or_else(|| {
                let output = Command::new("dpkg-query")
                    .args(["-W", "-f", "${Version}", package])
                    .output()
                    .ok()?;
                let version = String::from_utf8(output.stdout).ok()?;
                Some(version).filter(|version| !version.is_empty())
            })
    }
}
