# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Sourced. The mirrors that this machine's own apt is set up for, whichever format its lists of sources have.

# indexes ARGUMENT...: what apt would fetch, a line each
indexes() {
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets "$@" --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)' 'Created-By: Packages'
}

# The suite of this machine's own Debian that has the label; empty when this is no Debian.
own_suite() {
	# shellcheck disable=SC1091
	. /etc/os-release
	[ "$ID" != debian ] || echo "$VERSION_CODENAME$([ "$1" != Debian-Security ] || echo -security)"
}

# mirror_uri LABEL: where apt gets what Debian labels so (Debian, Debian-Security), newest suite or not. apt knows labels once
# it has fetched the Release files; before, the machine's own suite is known by its name. Fails when there is none.
mirror_uri() {
	local uri
	uri=$(indexes | awk -F'|' -v label="$1" '$1 == "Debian" && $2 == label && $3 == "main" && !n++ { print $5 }')
	if [[ -z $uri ]]; then
		uri=$(indexes --no-release-info |
			awk -F'|' -v suite="$(own_suite "$1")" '$3 == "main" && $4 == suite && !n++ { print $5 }')
	fi
	# Cloud images list their mirrors in a file.
	if [[ $uri == mirror+file:* ]]; then
		uri=$(awk 'NF && !/^#/ && !n++ { print $1 }' "${uri#mirror+file:}")
	fi
	[[ -n $uri ]] && echo "${uri%/}"
}
