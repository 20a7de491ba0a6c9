package distro

// Behaviour is one thing that a stand-in reproduces, and the test that tries it.
type Behaviour struct {
	// Section of the description of the distributions' surface that says so: "13.1" is its list of what a stand-in must
	// reproduce, "15" what was seen on a running server.
	Section string
	// Text is the behaviour.
	Text string
	// Test tries it, in this folder or below; a subtest is named as it is in the code. "" says that no test does.
	Test string
}

// Conformance lists what is reproduced. A test checks that the tests exist.
func Conformance() []Behaviour {
	const (
		single = "TestASnapshotBringsBackWhatWasThereOnTheVersionItWasTakenOn"
		one    = "TestSnapshotsOfOneServer"
		three  = "TestThreeServersLoseTheirQuorumAndAreRestoredOneByOne"
		pods   = "TestPodsOfRKE2OutliveTheirUnitAndNotItsKillall"
		roles  = "TestEtcdControlPlaneAndWorkersOnMachinesOfTheirOwn"
		driven = "TestOneServerOfK3sIsStoppedFencedAndRestoredWhateverGoesWrongOnTheWay"
	)
	return []Behaviour{
		{"2", "config.yaml, drop-ins, key+, precedence of flag over file", "TestFilesMergeInOrder"},
		{"2", "arguments of files stand before those of the command line, unknown ones apart", "TestSettingsBecomeArguments"},
		{"2", "a critical setting that differs refuses the join", ""},
		{"2", "a server joins with the token that it is given, and does not look for one on the disk", ""},
		{"3", "two spellings of a flag are fatal", one + "/two spellings of one flag are fatal"},
		{"3", "unknown keys are warned of at each call", one + "/keys that a command does not know are warned of"},
		{"3", "words and exit codes of mistakes", one + "/mistakes have their words and codes"},
		{"3", "save names a file by name, node and time", single},
		{"15", "the command line never prunes on save", one + "/the command line never prunes on save, and prune keeps five"},
		{"15", "a request that can't be read is cut off", one + "/a request that can't be read gets no answer"},
		{"3", "profile streamFails: exit code 0 and nothing saved", ""},
		{"4", "zip with one entry, modes, .metadata", one + "/a snapshot is a private zip with one entry, a record and an event"},
		{"15", "files in sub-directories", one + "/a file below a directory is listed where it is not, and can't be deleted"},
		{"5", "records, labels, token hash, events, ConfigMap of old", one + "/a snapshot is a private zip with one entry, a record and an event"},
		{"5", "a save elsewhere deletes records", one + "/a save elsewhere deletes the records of the usual place"},
		{"6", "S3: headers, metadata objects, retention of the whole folder, a refused upload", one + "/S3 gets a copy with its metadata, and says nothing when it does not"},
		{"6", "the schedule: files, records, retention of its prefix", one + "/the schedule saves and prunes by itself"},
		{"15", "a schedule that can't be read is ignored, and only a line that is missing tells", one + "/a bad schedule is passed over in silence"},
		{"7", "what refuses a reset", one + "/resets that must not begin"},
		{"7", "a snapshot is looked at after the database was moved", one + "/a damaged snapshot fails when the database has gone from its place"},
		{"7", "the order of a reset's effects, what it leaves and says", single},
		{"7", "bootstrap data sealed with the token", "TestBootstrapDataOpensWithItsTokenAlone"},
		{"7", "files on disk that are newer than the datastore refuse the start", "TestNewerFilesRefuseTheDatastore"},
		{"7", "another shutdown, no end, both styles of message", one + "/profiles: a reset that ends early, one that never ends, and how each release says that it is done"},
		{"7", "a reset on a server that does not encrypt warns of the keys that it throws away, and works",
			driven + "/a server that does not encrypt Secrets is no place for those that are encrypted"},
		{"2", "secrets-encrypt: first key, added, rotated, dropped, identity before or behind, stages", "TestKeysAreAddedRotatedAndDroppedAsTheirStagesSay"},
		{"7", "a server that was told to encrypt after its cluster was founded keeps its key on its disk alone", ""},
		{"7", "a token in a file wins over one in text, and a restore looks for the server's own file besides", driven + "/the snapshot comes back, packed as it may be, and the machine needs nothing but the token"},
		{"15", "a wrong token: late, with what it leaves", one + "/a wrong token is noticed late, and spoils the next start"},
		{"8.5", "peers: old database, tombstone, none", three + "/a peer with its old database hangs"},
		{"8.5", "a tombstone, with and without a server to join", three + "/a peer with a tombstone joins again"},
		{"1", "a Node's annotation removes its member", three + "/a member whose Node asks for its removal is removed"},
		{"7", "the first start after a reset clears such annotations", three + "/a wish to leave that stands in a snapshot is forgotten"},
		{"8.5", "an empty peer joins", three + "/a peer without a database joins again"},
		{"15", "a server without a quorum ends itself", three + "/the survivor of three ends itself"},
		{"13.6", "etcd and kube-apiserver of rke2 outlive the unit, and not killall", pods},
		{"1", "etcd alone, control plane alone, workers", roles + "/each Node says what it is for"},
		{"8.7", "node passwords", roles + "/a worker with another password is refused"},
	}
}
