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


: ${NFSLOCK_LIB:=/usr/lib/libnfslock.a}
: ${NFSLOCK_INC:=/usr/include}


# The functions that the header declares, one a line.
declared()
{
	sed -n 's/^[a-z].*[^a-z0-9_]\(nfslock_[a-z0-9_]*\)(.*/\1/p' "$1" | sort
}

# A copy of the source, without what was built in it.
copy_source()
{
	[ -n "${NFSLOCK_SRCDIR}" ] || atf_skip "NFSLOCK_SRCDIR names no source"
	mkdir src
	tar -C "${NFSLOCK_SRCDIR}" --exclude=./.git --exclude=obj \
	    --exclude=target -cf - . | tar -C src -xf -
}

fingerprint()
{
	(cd src && find . -type f -exec cksum {} + && find . ! -type f) | sort
}

atf_test_case bare_leaf
bare_leaf_head()
{
	atf_set descr "A bare make in a leaf builds the right thing, and every" \
	    "target works there"
	atf_set require.progs "bmake cargo nm tar mandoc"
}
bare_leaf_body()
{
	copy_source
	cd src/lib/libnfslock
	atf_check -o ignore -e ignore bmake
	declared nfslock.h > expected
	nm -g --defined-only obj/libnfslock.a | awk 'NF == 3 { print $3 }' |
	    sort > exported
	atf_check cmp expected exported

	# Up to date: nothing is built again.
	atf_check bmake
	sleep 1
	touch nfslock.h
	atf_check -o match:"cargo rustc" -e ignore bmake

	for target in obj depend dependall lint tags html; do
		atf_check -o ignore bmake ${target}
	done
	atf_check -o ignore bmake includes DESTDIR="${PWD}/d"
	atf_check -o inline:"d/usr/include/nfslock.h\n" find d -type f
	atf_check -o ignore bmake install DESTDIR="${PWD}/d"
	atf_check -o inline:"d/usr/include/nfslock.h
d/usr/lib/libnfslock.a
d/usr/share/man/man3/nfslock.3
d/usr/share/man/man7/nfslock.7\n" sh -c "find d -type f | sort"
	atf_check -o ignore bmake clean
	atf_check find obj -type f
	atf_check -o ignore bmake cleandir
	atf_check -s exit:1 test -e obj
}

atf_test_case plain_user
plain_user_head()
{
	atf_set descr "A plain user builds and installs from a source tree" \
	    "that cannot be written to, and the result is the same"
	atf_set require.progs "bmake cargo tar atf-sh"
	atf_set timeout 600
}
plain_user_body()
{
	copy_source
	atf_check -o save:config -e ignore cargo vendor --locked \
	    --manifest-path src/Cargo.toml vendor
	chmod -R a-w,a+rX src vendor
	mkdir user
	run=sh
	if [ "$(id -u)" -eq 0 ]; then
		chown nobody user
		run="setpriv --reuid=nobody --regid=65534 --clear-groups sh"
		# Root's compiler may stand where only root can reach it.
		if [ "$(${run} -c 'rustc -V && cargo -V' 2>&1)" != \
		    "$(rustc -V && cargo -V)" ]; then
			mkdir rust
			run="unshare --mount sh -c 'mount --bind \
			    $(rustc --print sysroot) ${PWD}/rust &&
			    PATH=${PWD}/rust/bin:\${PATH} exec ${run} \"\$@\"' run"
		fi
		eval "${run} -c 'rustc -V && cargo -V'" ||
		    atf_skip "no cargo for a plain user"
	fi
	fingerprint > before
	export HOME=/nonexistent TMPDIR="${PWD}/user"
	atf_check -o save:log -e ignore sh -c "${run} -c 'cd src && bmake -j2 \
	    install DESTDIR=${PWD}/user/d MAKEOBJDIRPREFIX=${PWD}/user \
	    RUSTVENDOR=${PWD}/vendor'"
	fingerprint > after
	atf_check cmp before after
	atf_check -o match:"mail.local: installed by a plain user" cat log
	atf_check -o inline:"user/d/usr/libexec/mail.local\n" \
	    find user/d/usr/libexec -perm 4555
	for file in include/nfslock.h lib/libnfslock.a libexec/mail.local \
	    share/examples/nfslock/mail.local.conf share/man/man3/nfslock.3 share/man/man7/nfslock.7 \
	    share/man/man5/mail.local.conf.5 share/man/man8/mail.local.8 \
	    share/mk/bsd.rust.mk tests/lib/libnfslock/Atffile \
	    tests/lib/libnfslock/Kyuafile tests/libexec/mail.local/Atffile \
	    tests/libexec/mail.local/Kyuafile; do
		atf_check test -f user/d/usr/${file}
	done
	atf_check cmp user/d/usr/lib/libnfslock.a "${NFSLOCK_LIB}"
}

atf_test_case archive
archive_head()
{
	atf_set descr "The archive is small, exports what the header declares," \
	    "needs libc alone, and cannot panic"
	atf_set require.progs "cc nm ar"
}
archive_body()
{
	atf_check -o ignore test "$(wc -c < "${NFSLOCK_LIB}")" -le 131072
	atf_check -o inline:"nfslock.o\n" ar t "${NFSLOCK_LIB}"

	declared "${NFSLOCK_INC}/nfslock.h" > expected
	nm -g --defined-only "${NFSLOCK_LIB}" |
	    awk 'NF == 3 { print $3 }' | sort > exported
	atf_check cmp expected exported

	nm "${NFSLOCK_LIB}" > symbols
	atf_check -s exit:1 grep -i -e panic -e unwind symbols
	atf_check -s exit:1 grep -a -e "${NFSLOCK_SRCDIR:-/usr/src}" \
	    -e "${CARGO_HOME:-/cargo/registry}" "${NFSLOCK_LIB}"

	# All of it links, with nothing but libc.
	echo 'int main(void) { return 0; }' > main.c
	atf_check cc -nodefaultlibs -o main main.c -Wl,--whole-archive \
	    "${NFSLOCK_LIB}" -Wl,--no-whole-archive -lc
	atf_check ./main
}

atf_test_case two_archives
two_archives_head()
{
	atf_set descr "A C program links the library beside another Rust" \
	    "archive that has a runtime of its own"
	atf_set require.progs "cc rustc"
}
two_archives_body()
{
	cat > other.rs <<-EOF
	#[no_mangle]
	pub extern "C" fn other() -> usize {
	    std::panic::catch_unwind(|| panic!("{}", vec![1, 2].len()))
	        .map_or(7, |()| 0)
	}
	EOF
	cat > main.c <<-EOF
	#include <stdio.h>
	#include <nfslock.h>

	size_t	other(void);

	int
	main(void)
	{
		nfslock_t *lock;
		int status;

		status = nfslock_acquire("mailbox", NULL, &lock);
		if (status == NFSLOCK_OK)
			status = nfslock_release(lock);
		printf("%s %zu\n", nfslock_message(status), other());
		return status;
	}
	EOF
	atf_check -e save:libraries rustc --edition 2021 --crate-type staticlib \
	    --print native-static-libs other.rs
	for order in "libother.a ${NFSLOCK_LIB}" "${NFSLOCK_LIB} libother.a"; do
		atf_check cc -o main -I"${NFSLOCK_INC}" main.c ${order} \
		    $(sed -n 's/.*native-static-libs: //p' libraries)
		atf_check -o match:" 7$" -e match:panicked ./main
	done
	atf_check -s exit:1 sh -c "ls | grep mailbox"
}

atf_init_test_cases()
{
	atf_add_test_case bare_leaf
	atf_add_test_case plain_user
	atf_add_test_case archive
	atf_add_test_case two_archives
}
