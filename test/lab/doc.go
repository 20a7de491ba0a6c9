// Package lab gives tests a small data centre: machines that boot a real systemd, with a disk, an address and a cable
// of their own, and a host beside them on which servers can run. Machines can be stopped, rebooted, hung, cut from
// the network or from each other, filled up, and lose their power.
//
// A machine is a systemd-nspawn container over a shared base image. All of a program's machines live in namespaces
// into which the program puts itself: [Main] starts the program once more, as a child in a mount, network and process
// namespace of its own. When that child ends, in whatever way, the kernel takes every process, mount, interface and
// loop device with it; what it leaves (empty cgroups, a directory) the next run removes. So several programs may have
// labs at once, and no test has to clean up after a crash. There is no way out of a lab to any network.
//
// It needs root on Linux with a unified cgroup hierarchy. Nothing here ever sets a clock: there is one for all
// machines. For the same reason commands reach a machine through its own systemd (see [Node.Exec]): a process that is
// merely put into the namespaces keeps the host's capabilities.
//
// The package knows nothing of testing (labtest beside it does) and nothing of Holdfast. Start reading at [New].
package lab
