package main

import (
	"fmt"
	"strings"
)

// matrix is work of one kind: a test, and how much of it.
type matrix struct {
	area string // its row in the report
	name string // of its jobs
	test string // for go test -run, with / between levels, and | between tests
	// cases of each suite that the test has; 0 when the test knows by itself what it does.
	cases int
	// share is how many cases one job does.
	share int
	// suites that the test runs side by side, each with these cases; 0 counts as 1.
	suites int
	// rounds that one job must report when cases is 0; 0: any number but none.
	rounds int
	// leaves: the test says nothing of rounds, each case in it is one.
	leaves bool
	// repeat is how often one job does the test; 0 counts as 1.
	repeat int
	// kills: what counts is a strike that came in time.
	kills bool
	// open: the test finds by itself how many rounds there are to do, and a case is a share of them.
	open bool
	// folder of test/ that has the test; empty: e2e.
	folder string
	// unit: the package of the root module that has the test, and the flags that make it long.
	unit  string
	flags string
}

// The areas of the report, in its order, and what is asked of each.
const (
	areaTrips     = "round trips"
	areaVersions  = "a snapshot opened by each etcd"
	areaDamage    = "damaged payloads and manifests"
	areaSave      = "SIGKILL during a save to a directory"
	areaUpload    = "SIGKILL during a save to S3"
	areaPrune     = "SIGKILL during a prune"
	areaRestore   = "SIGKILL during a restore"
	areaTrial     = "SIGKILL during a trial restore"
	areaInterrupt = "SIGINT and SIGTERM"
	areaDisk      = "disk full"
	areaNetwork   = "network cut, slow, reset, stalled"
	areaRaces     = "two at one time"
	areaFaults    = "each store operation fails"
	areaMembers   = "members die, hang, leave"
	areaRetention = "sequences of saves, failures and prunes"
	areaFleet     = "operations on machines struck at each step"
	areaKube      = "restores of K3s and RKE2, and faults during one"
	areaStruck    = "operations on K3s and RKE2 struck at each step"
)

// plan is all the work. Kills are asked for in such numbers that about 1,000 of them hit: some come too late.
func plan() []matrix {
	list := []matrix{
		{area: areaDamage, name: "damage-program", test: "TestTheProgramFindsAndRefusesDamage|TestAnotherSnapshotUnderTheSameNameIsFound", leaves: true},
		{area: areaDamage, name: "damage", test: "TestNoDamageIsEverRestored", cases: 10_000, share: 1000},
		{area: areaSave, name: "kill-save-raw", test: "TestAKilledSaveLeavesWholeSnapshotsOnly/raw", cases: 120, share: 120, kills: true},
		{area: areaSave, name: "kill-save-zstd", test: "TestAKilledSaveLeavesWholeSnapshotsOnly/zstd", cases: 120, share: 120, kills: true},
		{area: areaSave, name: "kill-save-zip", test: "TestAKilledSaveLeavesWholeSnapshotsOnly/zip", cases: 120, share: 120, kills: true},
		{area: areaUpload, name: "kill-upload-parts", test: "TestAKilledSaveLeavesWholeSnapshotsOnly/s3/parts", cases: 120, share: 120, kills: true},
		{area: areaUpload, name: "kill-upload-zstd", test: "TestAKilledSaveLeavesWholeSnapshotsOnly/s3/zstd", cases: 120, share: 120, kills: true},
		{area: areaPrune, name: "kill-prune-directory", test: "TestAKilledPruneLosesNothingThatIsKept/directory", cases: 150, share: 150, kills: true},
		{area: areaPrune, name: "kill-prune-s3", test: "TestAKilledPruneLosesNothingThatIsKept/s3", cases: 100, share: 50, kills: true},
		{area: areaRestore, name: "kill-restore", test: "TestAKilledRestoreLeavesAllOrNothing", cases: 70, share: 35, suites: 4, kills: true},
		{area: areaTrial, name: "kill-trial", test: "TestAKilledTrialRestoreLeavesNothingBehind", cases: 120, share: 60, kills: true},
		{area: areaInterrupt, name: "interrupt", test: "TestAnInterruptedProgramLeavesNothingAtAll", cases: 100, share: 100, kills: true},
		{area: areaRaces, name: "race-save", test: "TestTwoSavesAtOneTimeAreBothListedOrOneIsRefused", cases: 20, share: 20, suites: 4},
		{area: areaRaces, name: "race-restore", test: "TestOfTwoRestoresIntoOneDirectoryOneIsRefused", cases: 60, share: 60},
		{area: areaRaces, name: "race-upload", test: "TestTwoUploadersOfOneNameNeverMixPayloadAndManifest", cases: 60, share: 60, suites: 2},
		{area: areaRaces, name: "race-prune", leaves: true, repeat: 5,
			test: "TestAPruneDuringSavesTakesNothingThatIsKept|TestTwoTrialRestoresAtOneTimeDoNotDisturbEachOther"},
		{area: areaFaults, name: "fault-save", test: "TestASaveThatFailsAnywhereLeavesWholeSnapshotsOnly"},
		{area: areaFaults, name: "fault-restore", test: "TestARestoreThatFailsAnywhereLeavesAllOrNothing"},
		{area: areaFaults, name: "fault-prune", leaves: true,
			test: "TestAPruneThatFailsAnywhereIsFinishedByTheNext|TestAClaimWhoseAnswerIsLostIsStillOurs|TestALieOfTheStoreIsFoundByReadingBack"},
		{area: areaDisk, name: "disk", test: "TestADiskThatFillsUpAtAnyByteLeavesAllOrNothing", cases: 100, share: 50},
		{area: areaDisk, name: "disk-each", leaves: true, repeat: 2,
			test: "TestADiskThatFillsUpDuringASave|TestADiskThatFillsUpDuringARestore|TestASpoolThatFillsUpDuringARestore|TestTooLittleSpaceIsRefusedBeforeTheFirstWrite"},
		{area: areaNetwork, name: "network-etcd", leaves: true, repeat: 3,
			test: "TestAStreamThatTheNetworkBreaksIsNeverAShortSuccess|TestAStreamOverASlowLinkIsWhole|TestAMemberThatHangsDoesNotHoldUpTheOthers"},
		{area: areaNetwork, name: "network-s3", leaves: true,
			test: "TestUploadAndDownloadWorkOverABadNetwork|TestAnUploadSurvivesACutAndAServerThatWasKilled|TestADownloadSurvivesACutAndAServerThatWasKilled|" +
				"TestATroubleThatLastsEndsInABoundedTime|TestACallerCanLeaveAConnectionThatHangs"},
		{area: areaNetwork, name: "network-s3-stages", leaves: true,
			test: "TestAnUploadGetsOverEachTroubleAtEachStage|TestATroubleThatLastsFailsTheUploadAndPublishesNothing|" +
				"TestALostAnswerIsNotMadeUpForByAnotherWritersObject|TestADownloadGetsOverEachTrouble|TestListStatAndDeleteGetOverEachTrouble"},
		{area: areaNetwork, name: "network-commands", test: "TestTroubleOnTheNetworkIsGotOverOrEndsClean", cases: 60, share: 20},
		{area: areaNetwork, name: "network-stages", leaves: true,
			test: "TestACommandGetsOverATroubleAtEachOfItsStages|TestATroubleThatStaysIsTold|TestAnOddAnswerIsGotOver|" +
				"TestASnapshotThatIsReplacedWhileItIsRestoredIsRefused"},
		{area: areaNetwork, name: "network-links", leaves: true,
			test: "TestTroubleWithConnectionsToTheRepositoryIsGotOverOrTold|TestAHostThatDoesNotExistIsTold|TestABadLinkToTheRepositoryIsGotOver|" +
				"TestTroubleWithConnectionsToEtcdIsTold|TestAMemberThatCannotBeReachedIsPassedOver|TestAStreamThatBreaksIsTold"},
		{area: areaMembers, name: "members", leaves: true, repeat: 3,
			test: "TestAMemberThatDiesOrHangsDuringASave|TestTheNextMemberIsAskedWhenOneFailsDuringASave|TestAFailedUploadDoesNotWaitForAMemberThatHangs"},
		{area: areaVersions, name: "versions", test: "TestASnapshotOpensOnTheEtcdThatItWasMadeFor", rounds: 9},
		{area: areaVersions, name: "raised-revision", test: "TestARaisedRevisionIsKeptByEveryEtcd", rounds: 3},
		{area: areaRetention, name: "retention", test: "TestWhateverHappensTheNewestGoodAndEveryManualOneSurvive",
			unit: "./engine/repository", flags: "-rapid.checks=100000", rounds: 100_000},
	}
	for _, distro := range []string{"k3s", "rke2"} {
		list = append(list, matrix{
			area: areaKube, name: "choices-" + distro, folder: "fleet", leaves: true,
			test: "TestAnUpgradedClusterGoesBackWithEachChoice/" + distro,
		})
	}
	list = append(list, matrix{area: areaKube, name: "k3s-no-manager", folder: "fleet", leaves: true,
		test: "TestK3sServersAreRestoredWithoutAnyManager"})
	for _, o := range []struct {
		operation string
		shares    int
	}{{"save", 4}, {"restore", 40}, {"restore_taken_back", 40}, {"replacement_of_a_lost_member", 40}} {
		list = append(list, matrix{
			area: areaFleet, name: "fleet-" + strings.ReplaceAll(o.operation, "_", "-"), folder: "fleet", kills: true, open: true,
			test: "TestWhateverIsStruckAtAnyStepTheEndIsOneOfThoseThatAreAllowed/" + o.operation, cases: o.shares, share: 1,
		})
	}
	for _, flavour := range []string{"k3s", "rke2"} {
		list = append(list,
			matrix{area: areaKube, name: flavour + "-roles", folder: "fleet", leaves: true,
				test: "TestMachinesWithRolesOfTheirOwnAreCaredForAndRestored/" + flavour},
			matrix{area: areaKube, name: flavour + "-first-server", folder: "fleet", leaves: true,
				test: "TestServersWithPathsAndPortsOfTheirOwnAreRestoredWithoutTheFirst/" + flavour})
		for _, d := range []struct{ name, test string }{
			{"lost", "TestAClusterWhoseServersAreAllLostComesBackOnNewMachines"},
			{"outage", "TestAClusterThatIsDownComesBack"},
			{"unapproved", "TestASnapshotInS3IsFetchedAndCheckedBeforeAnythingIsApproved"},
			{"secrets", "TestSecretsAreReadAfterARestoreToAnyAgeOfTheirEncryption"},
		} {
			list = append(list, matrix{area: areaKube, name: flavour + "-" + d.name, folder: "fleet", test: d.test + "/" + flavour, leaves: true})
		}
		for _, situation := range []string{"wrong_token", "bad_upgrade", "all_servers_lost", "one_server_lost", "quorum_lost"} {
			list = append(list, matrix{area: areaKube, name: flavour + "-runbook-" + strings.ReplaceAll(situation, "_", "-"), folder: "fleet", leaves: true,
				test: "TestWhatARunbookSaysBringsTheClusterBack/" + flavour + "/" + situation})
		}
	}
	list = append(list, distributions()...)
	for _, version := range []string{"3.5", "3.6", "3.7"} {
		for _, members := range []int{1, 3} { // with and without TLS and accounts, three encodings
			list = append(list, matrix{
				area: areaTrips, name: fmt.Sprintf("roundtrip-%s-%d", version, members),
				test: fmt.Sprintf("TestARestoredClusterIsTheOneThatWasSaved/%s/%d", strings.ReplaceAll(version, ".", `\.`), members), rounds: 12,
			})
		}
	}
	return list
}

// distributions is the work at the two Kubernetes distributions. An operation takes a minute there, and a share a quarter of an
// hour at most.
func distributions() []matrix {
	var list []matrix
	for _, flavour := range []string{"k3s", "rke2"} {
		for _, o := range []struct {
			operation string
			shares    int
		}{{"save", 20}, {"restore", 80}, {"restore_taken_back", 80}, {"replacement_of_a_lost_member", 60}} {
			list = append(list, matrix{
				area: areaStruck, name: flavour + "-" + strings.ReplaceAll(o.operation, "_", "-"), folder: "fleet", kills: true, open: true,
				test:  "TestWhateverIsStruckOnADistributionTheEndIsOneOfThoseThatAreAllowed/" + flavour + "/" + o.operation,
				cases: o.shares, share: 1,
			})
		}
		for _, f := range []struct{ name, test string }{
			{"spoiled", "TestASnapshotThatIsSpoiledAtAnyStageNeverReplacesTheRunningCluster"},
			{"disk", "TestADiskThatIsFullOrFillsUpDuringARestoreLosesNothing"},
			{"trouble", "TestTroubleInTheMiddleOfARestoreOfThreeServersIsGotOverOrTakenBack"},
			{"silent", "TestARestoreEndsWithoutWorkersThatFallSilentAndNamesThem"},
		} {
			list = append(list, matrix{area: areaKube, name: flavour + "-" + f.name, folder: "fleet", test: f.test + "/" + flavour, leaves: true})
		}
	}
	return list
}

// jobs cuts the work into pieces. The first pieces of all come first: a run that ends early has seen something of
// everything.
func jobs(list []matrix) []job {
	var all []job
	for part := 0; ; part++ {
		n := len(all)
		for _, m := range list {
			if j, ok := m.part(part); ok {
				all = append(all, j)
			}
		}
		if len(all) == n {
			return all
		}
	}
}

func (m matrix) part(number int) (job, bool) {
	if m.cases == 0 {
		return job{matrix: m, id: m.name, expect: m.rounds}, number == 0
	}
	parts := (m.cases + m.share - 1) / m.share
	if number >= parts {
		return job{}, false
	}
	from := number * m.share
	to := min(from+m.share, m.cases)
	id := m.name
	if parts > 1 {
		id = fmt.Sprintf("%s-%02d", m.name, number+1)
	}
	j := job{matrix: m, id: id, cases: fmt.Sprintf("%d-%d", from, to-1), expect: (to - from) * max(m.suites, 1)}
	if m.open {
		j.expect = 0
	}
	return j, true
}
