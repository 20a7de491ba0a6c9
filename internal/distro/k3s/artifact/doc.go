// Package artifact finds what a version of K3s or RKE2 is installed from, and proves by its checksum that it is that.
//
// It looks at three places, in this order, and all have one layout, that of a release: the files under their release names,
// and their sums in sha256sum-<arch>.txt.
//
//	<state>/artifacts/<version>/     what the agent kept: the program that was installed when a snapshot was taken, and
//	                                 what it has fetched before
//	<dir>/<version>/, or <dir>/      a directory that the operator fills
//	<url>                            a mirror, over HTTPS; {version} in it stands for the version
//
// It changes nothing but its own directory, and knows nothing of what is installed. Start reading at [Store.Find].
package artifact
