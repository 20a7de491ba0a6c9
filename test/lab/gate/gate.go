// Package gate stops processes at the very moment at which they open something in chosen directories, and lets them go on
// when it is told to. Whoever waits there has done all that comes before, and nothing of what comes after: so a test can
// strike a program between two of its writes without the program's help, and without hoping for the right millisecond.
//
// It is fanotify with permission events: the kernel holds the process in open(2). One that is killed there dies there; one
// whose gate is closed goes on. It needs root and a kernel that has CONFIG_FANOTIFY_ACCESS_PERMISSIONS.
//
// The package does not know what the files mean. Start reading at [Gate].
package gate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Opening is a process that waits to open something.
type Opening struct {
	// Path as the process sees it. Machines have the same paths: see Device.
	Path string
	// Device of the file system on which it lies.
	Device uint64
}

// Gate of some directories.
type Gate struct {
	events *os.File
	ask    func(Opening)
	ended  chan error
}

// New makes a gate that stops nobody yet. A process that opens a watched directory, or what is directly in one, waits until
// ask returns; ask is called concurrently for several. This process itself is never stopped.
func New(ask func(Opening)) (*Gate, error) {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_CONTENT|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("fanotify: %w", err)
	}
	g := &Gate{events: os.NewFile(uintptr(fd), "fanotify"), ask: ask, ended: make(chan error, 1)}
	go func() { g.ended <- g.serve() }()
	return g, nil
}

// Watch adds a directory. What is below its entries is not watched.
func (g *Gate) Watch(dir string) error {
	const mask = unix.FAN_OPEN_PERM | unix.FAN_ONDIR | unix.FAN_EVENT_ON_CHILD
	conn, err := g.events.SyscallConn()
	if err != nil {
		return err
	}
	var markErr error
	err = conn.Control(func(fd uintptr) {
		markErr = unix.FanotifyMark(int(fd), unix.FAN_MARK_ADD|unix.FAN_MARK_ONLYDIR, mask, unix.AT_FDCWD, dir)
	})
	if err = errors.Join(err, markErr); err != nil {
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	return nil
}

// Close lets everybody pass. It returns what went wrong since the gate was made.
func (g *Gate) Close() error {
	if err := g.events.Close(); err != nil {
		return err
	}
	return <-g.ended
}

// Sizes of what fanotify reads and writes; see fanotify(7).
const (
	eventSize    = 24 // length 4, version 1, reserved 1, header 2, mask 8, file descriptor 4, process 4
	responseSize = 8
)

func (g *Gate) serve() error {
	buffer := make([]byte, 64*eventSize)
	for {
		n, err := g.events.Read(buffer)
		if errors.Is(err, os.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read from fanotify: %w", err)
		}
		for rest := buffer[:n]; len(rest) >= eventSize; {
			length := binary.NativeEndian.Uint32(rest)
			fd := int32(binary.NativeEndian.Uint32(rest[16:]))
			pid := int32(binary.NativeEndian.Uint32(rest[20:]))
			rest = rest[length:]
			if fd < 0 {
				return errors.New("fanotify has lost events")
			}
			if err := g.event(int(fd), int(pid)); err != nil {
				return err
			}
		}
	}
}

func (g *Gate) event(fd, pid int) error {
	if pid == os.Getpid() {
		return g.pass(fd)
	}
	path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return errors.Join(err, g.pass(fd))
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return errors.Join(err, g.pass(fd))
	}
	go func() {
		g.ask(Opening{Path: path, Device: stat.Dev})
		_ = g.pass(fd) // the process may be dead, or the gate closed: then it needs no answer
	}()
	return nil
}

// pass lets a process go on.
func (g *Gate) pass(fd int) error {
	defer unix.Close(fd)
	response := make([]byte, responseSize)
	binary.NativeEndian.PutUint32(response, uint32(fd))
	binary.NativeEndian.PutUint32(response[4:], unix.FAN_ALLOW)
	if _, err := g.events.Write(response); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("answer fanotify: %w", err)
	}
	return nil
}
