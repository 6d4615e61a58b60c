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


# The header and the archive as they are installed: what a C or C++ program
# that uses the library needs, and what it gets with it.

lib=${NFSLOCK_LIB:-/usr/lib/libnfslock.a}
inc=${NFSLOCK_INC:-/usr/include}
cc=${CC:-cc}
cxx=${CXX:-c++}

# A program that uses every function.
write_program()
{
	cat > prog.c <<-EOF
	#include <nfslock.h>
	#include <nfslock.h>
	int
	main(void)
	{
		struct nfslock_options options = { sizeof(options),
		    NFSLOCK_DIR_AUTO, NFSLOCK_STALE_BREAK, NFSLOCK_LIMIT_NONE,
		    NFSLOCK_STALE_DEFAULT, NULL, NULL, NULL };
		struct nfslock_holder holder;
		nfslock_t *lock, *other;

		holder.size = sizeof(holder);
		return nfslock_acquire("m", &options, &lock) == NFSLOCK_OK &&
		    nfslock_acquireat(-100, "n", &options, &other) ==
		    NFSLOCK_OK && nfslock_verify(lock) == NFSLOCK_OK &&
		    nfslock_refresh(lock) == NFSLOCK_OK &&
		    nfslock_holder("m", &holder) == NFSLOCK_HELD &&
		    nfslock_holderat(-100, "n", &holder) == NFSLOCK_HELD &&
		    nfslock_release(other) == NFSLOCK_OK &&
		    nfslock_release(lock) == NFSLOCK_OK &&
		    nfslock_message(NFSLOCK_OK)[0] != '\0' ? 0 : 1;
	}
	EOF
}

atf_test_case header_c
header_c_head()
{
	atf_set descr "the header is C99 and C11 to the letter, and alone"
	atf_set require.progs "${cc}"
}
header_c_body()
{
	write_program
	for std in c99 c11 gnu99; do
		atf_check -o empty -e empty ${cc} -std=${std} -pedantic \
		    -Wall -Wextra -Wstrict-prototypes -Werror \
		    -fsyntax-only -isystem /nonexistent -I${inc} prog.c
	done
}

atf_test_case header_cxx
header_cxx_head()
{
	atf_set descr "the header is C++ too, and its functions are C's"
	atf_set require.progs "${cxx}"
}
header_cxx_body()
{
	write_program
	mv prog.c prog.cc
	atf_check -o empty -e empty ${cxx} -std=c++98 -pedantic -Wall \
	    -Wextra -Werror -I${inc} -c prog.cc
	atf_check -o empty -e empty ${cxx} -std=c++17 -pedantic -Wall \
	    -Wextra -Werror -I${inc} prog.cc ${lib} -o prog
	atf_check ./prog
}

atf_test_case links_alone
links_alone_head()
{
	atf_set descr "-lnfslock needs no other library"
	atf_set require.progs "${cc}"
}
links_alone_body()
{
	write_program
	atf_check -o empty -e empty ${cc} -I${inc} prog.c \
	    -L$(dirname ${lib}) -lnfslock -o prog
	atf_check ./prog
	atf_check test ! -e m.lock
}

atf_test_case links_statically
links_statically_head()
{
	atf_set descr "a static program can be made of it"
	atf_set require.progs "${cc}"
}
links_statically_body()
{
	write_program
	echo 'int main(void) { return 0; }' > none.c
	${cc} -static none.c -o none || atf_skip "no static C library"
	atf_check -o empty -e empty ${cc} -static -I${inc} prog.c ${lib} \
	    -o prog
	atf_check ./prog
}

atf_test_case symbols
symbols_head()
{
	atf_set descr "nothing but nfslock_* is global, and nothing is writable"
	atf_set require.progs nm
}
symbols_body()
{
	sed -n 's/^[a-z].*[^a-z]\(nfslock_[a-z]*\)(.*/\1/p' ${inc}/nfslock.h |
	    sort > expected
	atf_check -o save:nm.out -e empty nm ${lib}
	awk 'NF == 3 && $2 ~ /[A-TV-Z]/ { print $3 }' nm.out | sort > found
	atf_check -o empty diff expected found
	# "no global state" is also a matter of what there is to write to
	atf_check -s exit:1 -o empty grep -E ' [BbCcDdSsGg] ' nm.out
}

atf_test_case size
size_head()
{
	atf_set descr "the archive is at most 128 KB"
}
size_body()
{
	size=$(wc -c < ${lib})
	[ ${size} -le 131072 ] || atf_fail "${size} bytes"
}

atf_test_case beside_rust
beside_rust_head()
{
	atf_set descr "it links beside another Rust library without a clash"
	atf_set require.progs "${cc}" "${RUSTC:-rustc}"
}
beside_rust_body()
{
	cat > other.rs <<-EOF
	#[no_mangle]
	pub extern "C" fn other(number: i32) -> i32 {
	    std::panic::catch_unwind(|| format!("{number}").len() as i32)
	        .unwrap_or(0)
	}
	EOF
	# what rustc says that its own library needs comes with it
	HOME=${RUSTHOME:-$(eval echo ~$(id -un))} ${RUSTC:-rustc} -O \
	    --crate-type staticlib --print native-static-libs other.rs \
	    2> rustc.err || atf_skip "rustc cannot make a library here"
	libs=$(sed -n 's/^note: native-static-libs: //p' rustc.err)

	write_program
	cat >> prog.c <<-EOF
	int other(int);
	int (*const use)(int) = other;
	EOF
	for order in "${lib} libother.a" "libother.a ${lib}"; do
		atf_check -o empty -e empty ${cc} -I${inc} prog.c ${order} \
		    ${libs} -o prog
		atf_check ./prog
	done
}

atf_test_case valgrind
valgrind_head()
{
	atf_set descr "no byte is misread, mislaid or leaked"
	atf_set require.progs valgrind
	atf_set timeout 120
}
valgrind_body()
{
	mkdir d
	for options in "-n 3" "-p -n 3" "-s 2 -r 100 -h 300"; do
		atf_check -o empty -e empty valgrind -q --error-exitcode=99 \
		    --leak-check=full --show-leak-kinds=all --track-fds=no \
		    $(atf_get_srcdir)/h_lock ${options} d/m
	done
	: > d/m.lock
	atf_check -s exit:2 -o ignore -e empty valgrind -q \
	    --error-exitcode=99 --leak-check=full --show-leak-kinds=all \
	    $(atf_get_srcdir)/h_lock -l 1 d/m
	atf_check -s exit:1 -o ignore -e empty valgrind -q \
	    --error-exitcode=99 $(atf_get_srcdir)/h_lock -q d/m
	atf_check -o empty -e empty valgrind -q --error-exitcode=99 \
	    --leak-check=full --show-leak-kinds=all \
	    $(atf_get_srcdir)/h_lock -l 20 -s 2 d/m
	atf_check -s exit:8 -o ignore -e empty valgrind -q \
	    --error-exitcode=99 --leak-check=full --show-leak-kinds=all \
	    $(atf_get_srcdir)/h_lock missing/m
	atf_check rmdir d
}

atf_init_test_cases()
{
	atf_add_test_case header_c
	atf_add_test_case header_cxx
	atf_add_test_case links_alone
	atf_add_test_case links_statically
	atf_add_test_case symbols
	atf_add_test_case size
	atf_add_test_case beside_rust
	atf_add_test_case valgrind
}
