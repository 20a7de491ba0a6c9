// Package selfbackup saves and brings back the manager itself: the database of the embedded control plane, the keys that
// its Secrets and tokens were made with, and the administrator's kubeconfig, in one file that is encrypted with age.
//
// A backup is useless in parts: without the keys nobody reads the Secrets, and with other keys every agent would have to
// join again. So there is one file, it is published whole or not at all, and it is never written unencrypted to the
// repository. What is in it:
//
//	about.json           what this is; first, so that a reader knows what it has
//	etcd/<snapshot>      taken and checked by the engine, with its manifest in etcd/.metadata/
//	keys/<name>          as they lie in the data directory
//	kubeconfig
//
// By hand: age -d -i IDENTITY FILE | tar x. The package must not know the control plane's code, only its files. Start
// reading at [Save] and [Restore].
package selfbackup
