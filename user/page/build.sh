#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Makes the page one file: styles, scripts and the charting library go into index.html, and their hashes into a policy that allows
# nothing else. usage: build.sh FOLDER DYGRAPHS   (where page.html and csp.txt go; where dygraph.min.js and .css lie)
set -euo pipefail

out=$1 dygraphs=$2
here=$(dirname "$0")
# each uses what stands before it
scripts=(format.js source.js recording.js dom.js chart.js list.js detail.js page.js)

if [ ! -r "$dygraphs/dygraph.min.js" ]; then
	echo "$dygraphs/dygraph.min.js is missing: it is in Debian's and Ubuntu's package libjs-dygraphs (sudo make deps-build)" >&2
	exit 1
fi
mkdir -p "$out"

# the map of its sources is not there
{
	echo "/*"
	cat "$here/dygraphs.licence"
	echo "*/"
	sed '/^\/\/# sourceMappingURL=/d' "$dygraphs/dygraph.min.js"
} >"$out/library.js"
{
	echo "(function () {"
	echo '"use strict";'
	for script in "${scripts[@]}"; do cat "$here/$script"; done
	echo "})();"
} >"$out/page.js"
sed '/^\/\*# sourceMappingURL=/d' "$dygraphs/dygraph.min.css" | cat - "$here/page.css" >"$out/page.css"
if grep -il '</script\|<!--' "$out/library.js" "$out/page.js" || grep -il '</style' "$out/page.css"; then
	echo "what stands above would end its element" >&2
	exit 1
fi

# As a browser takes it: of the text between the tags. In base64 by what is in coreutils alone.
hash_of() {
	local hex
	hex=$(sha256sum <"$1" | cut -d ' ' -f 1)
	# shellcheck disable=SC2001,SC2059 # in place of sed, bash has & from 5.2 on only
	printf "$(sed 's/../\\x&/g' <<<"$hex")" | base64
}
policy="default-src 'none'; script-src 'sha256-$(hash_of "$out/library.js")' 'sha256-$(hash_of "$out/page.js")'"
policy+="; style-src 'sha256-$(hash_of "$out/page.css")'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"

while IFS= read -r line; do
	case $line in
	'<!-- policy -->') printf '<meta http-equiv="Content-Security-Policy" content="%s">\n' "$policy" ;;
	'<!-- page.css -->') printf '<style>' && cat "$out/page.css" && printf '</style>\n' ;;
	'<!-- library.js -->') printf '<script>' && cat "$out/library.js" && printf '</script>\n' ;;
	'<!-- page.js -->') printf '<script>' && cat "$out/page.js" && printf '</script>\n' ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$here/index.html" >"$out/page.html"
# a meta element cannot say who may frame the page
printf '%s' "$policy; frame-ancestors 'none'" >"$out/csp.txt"
