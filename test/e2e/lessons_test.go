package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lesson is what users of other tools have run into, and the tests that show that it does not happen here.
type lesson struct {
	// issues in public trackers, with the name of the project.
	issues string
	// happens is what went wrong there.
	happens string
	// tests as "directory: name". Without any, why it can't happen here.
	tests []string
	why   string
}

// Directories of the tests.
const (
	operation   = "internal/operation: "
	driver      = "internal/distro/k3s: "
	onMachine   = "internal/step/restoring: "
	agent       = "internal/agent: "
	inFleet     = "test/fleet: "
	onStandIns  = "test/distro/lab/driver: "
	store       = "engine/repository: "
	controllers = "server/controller: "
	endToEnd    = "test/e2e: "
)

// ofRestores is about restores by Rancher, and by k3s and rke2 themselves.
var ofRestores = []lesson{
	{"rancher#43735", "a restore that failed left the cluster paused, with no hint", []string{operation + "TestWhateverHappensARestoreEndsAsItMay", operation + "TestAFailureBeforeTheInitMachineServesBringsTheOldClusterBack", inFleet + "TestWhateverIsStruckOnADistributionTheEndIsOneOfThoseThatAreAllowed"}, ""},
	{"rancher#37880", "the restore of a file that is missing was tried for ever", []string{operation + "TestWhatIsNotAsPlannedIsRefused", operation + "TestASourceMeansOneCopy"}, ""},
	{"rancher#36694", "the record of the snapshot was gone while it was restored", []string{operation + "TestAnObjectInS3StaysTheOneThatWasApproved"}, ""},
	{"rancher#40005, rancher#42895, rancher#43228", "a restore of version and configuration hung on remains of the newer version", []string{operation + "TestVersionAndConfigurationComeBackBeforeAnythingStarts", onStandIns + "TestAnotherVersionOfRKE2AndAConfigurationAreBroughtAndTakenBack"}, ""},
	{"rancher#43189", "a probe of pods was waited for without end", []string{operation + "TestWhateverHappensARestoreEndsAsItMay"}, ""},
	{"rancher#37001, rancher#37499", "a kubelet, or a drain, was waited for without end", []string{operation + "TestAWorkerThatFailsKeepsNoClusterFromBeingRestored", operation + "TestAWorkerThatSaysNothingDelaysNoPlan", inFleet + "TestMachinesWithRolesOfTheirOwnAreCaredForAndRestored"}, ""},
	{"rancher#42201, rancher#26325", "a healthy worker was deleted, because the restored data did not know it", nil, "nothing here deletes a machine or a Node"},
	{"rancher#41080, rancher#43243, rancher#55671", "what is left when all machines are lost could not be restored", []string{inFleet + "TestTheSnapshotInTheBucketComesBackOnNewMachinesAlone"}, ""},
	{"rancher#42251", "a restore from S3 made an empty cluster and said nothing", []string{inFleet + "TestASnapshotThatIsSpoiledAtAnyStageNeverReplacesTheRunningCluster", driver + "TestAResetHasWorkedOnlyWhenItSaysSoAndEndsWell", onStandIns + "TestOneServerOfK3sIsStoppedFencedAndRestoredWhateverGoesWrongOnTheWay"}, ""},
	{"k3s#13085", "a snapshot could not be restored on a machine that had been wiped", []string{onStandIns + "TestOneServerOfK3sIsStoppedFencedAndRestoredWhateverGoesWrongOnTheWay"}, ""},
	{"rke2#6281", "with S3 configured a local restore fetched an empty file", []string{driver + "TestAResetIsTheServersOwnCommandAndNoSecret"}, ""},
	{"k3s#8031", "turning the schedule off turned restores off, too", []string{driver + "TestAResetIsTheServersOwnCommandAndNoSecret"}, ""},
	{"rke2#2410, rke2#1898, rancher#56469", "the token was another than the snapshot's, which showed when the cluster was gone", []string{onMachine + "TestASnapshotThatTheTokenDoesNotOpenIsRefusedBeforeAnythingIsStopped", onMachine + "TestAnAgeIdentityOpensTheEscrowOfTheSnapshot"}, ""},
	{"rancher#37682, dashboard#5320", "nobody could tell what a restore would bring back", []string{operation + "TestThePlanSaysWhatWillChange", onMachine + "TestThePlanCountsTheObjectsThatARestoreChanges"}, ""},
	{"rancher#52574, rancher#43222", "choices were offered that could not work", []string{operation + "TestWhatDoesNotGoTogetherIsFoundBeforeAnythingIsStopped", driver + "TestWhatASnapshotDoesNotCarryComesFromTheRestoreOrFromTheMachine"}, ""},
	{"rancher#56077", "an imported cluster had no choices", []string{operation + "TestVersionAndConfigurationComeBackBeforeAnythingStarts"}, ""},
	{"rke2#10289", "a restore to other hosts was taken for a clone", nil, "a restore is of the same cluster, on whatever machines: no clone is offered"},
	{"rancher#40994", "a restore from S3 behind a private authority failed", []string{inFleet + "TestTheSnapshotInTheBucketComesBackOnNewMachinesAlone"}, ""},
}

// ofSnapshots is about taking, listing and keeping them.
var ofSnapshots = []lesson{
	{"rancher#50483, rancher#36794", "a snapshot that hung kept everything else waiting", []string{operation + "TestAMachineThatFallsSilentDuringASaveIsWaitedForAWhile"}, ""},
	{"rke2#6385", "taking a snapshot rewrote the configuration and restarted servers", []string{inFleet + "TestARunningClusterOfThreeK3sServersIsTakenIntoCare"}, ""},
	{"rancher#28519", "a snapshot could be taken in the middle of a restore", []string{agent + "TestNoRecurringSnapshotIsTakenWhileAnOperationIsUnfinished", operation + "TestPlansYieldToWhoeverHasTheCluster"}, ""},
	{"rancher#38303, dashboard#5281", "the copies of one run stood there like so many backups", []string{"internal/controller: TestForeignFilesOfOneRunAreOneBackup", store + "TestForeignFilesOfOneRunAreOneBackup"}, ""},
	{"dashboard#5651, dashboard#14144", "wrong keys and a scheme in the endpoint broke backups silently", []string{"server/controlplane: TestWhatIsInvalidIsRefusedWithTheReason", store + "TestEachTroubleWithAStoreNamesItsCauseAndTheNextStep"}, ""},
	{"dashboard#9947, rancher#28739, rancher#44294", "the bucket was tried from the manager, and not from the nodes", []string{operation + "TestATaskEndsAsWhatWasTriedDoes"}, ""},
	{"rke2#10687", "without the right to delete a bucket filled up", []string{store + "TestAMissingRightIsToldWithWhatGrantsIt", endToEnd + "TestRepoTestGivesAVerdictForEachRight"}, ""},
	{"k3s#13166", "some servers know a bucket only by its path", []string{"engine/repository/blob/s3: TestSettingsThatWorkAreTaken"}, ""},
	{"rancher#25887, rancher#17299, rke2#3110", "nobody was told that backups failed", []string{"test/rules: TestAlertsAreRaisedWhenTheyShouldBeAndNotOtherwise"}, ""},
	{"rancher#42177, rancher#42065, rancher#42066, dashboard#11628, dashboard#5338", "a snapshot could not be deleted, or came back", []string{controllers + "TestATaskDeletesTheBytesAndTheCatalogueFollows", inFleet + "TestARunningClusterOfThreeK3sServersIsTakenIntoCare"}, ""},
	{"rancher#43872, rke2#5216, rke2-docs#650, k3s#8182", "retention counted the files of all nodes", []string{store + "TestRetentionCountsGoodBackupsOfEachRow"}, ""},
	{"k3s#10292, rke2#6115", "retention took no notice of the folder, and manual snapshots were never pruned", []string{store + "TestRetentionCountsGoodBackupsOfEachRow", endToEnd + "TestAFolderKeepsItsOwnSnapshotsAmongOthers"}, ""},
	{"rke2#4495, k3s#8611, rancher#38388", "the list outgrew the one object that it was kept in", []string{"internal/place: TestAnInventoryHoldsEachConfigurationOnce", controllers + "TestTheCatalogueShowsWhatMachinesAndFolderHold"}, ""},
	{"rancher#38305, rancher#43596, rancher#54614, k3s#13934", "objects of others were listed for snapshots", []string{store + "TestForeignFilesOfAnotherClusterAreLeftAlone", endToEnd + "TestAFolderKeepsItsOwnSnapshotsAmongOthers"}, ""},
	{"rke2#7028, rancher#47339, k3s#10989", "entries were missing when nodes uploaded together", []string{controllers + "TestTheCatalogueShowsWhatMachinesAndFolderHold", "engine/snapshot: TestAManifestsNameTellsFileAndUpload"}, ""},
	{"rke2#4632, rancher#38711", "records of what had failed stayed for ever", []string{operation + "TestTheNewestAndTheYoungAndThePinnedAreKept"}, ""},
	{"rancher#39703", "the list had neither states nor sizes", []string{controllers + "TestTheCatalogueShowsWhatMachinesAndFolderHold"}, ""},
}

// ofPrograms is about the programs of k3s and rke2.
var ofPrograms = []lesson{
	{"k3s#14526, k3s#14637, k3s#14640", "a zip could not be restored by its path", []string{driver + "TestTheProgramGetsTheSnapshotUnpackedAndATokenThatOpensIt", onStandIns + "TestOneServerOfK3sIsStoppedFencedAndRestoredWhateverGoesWrongOnTheWay"}, ""},
	{"k3s#14085", "a schedule that can't be read was ignored for weeks", []string{agent + "TestTheDistributionsScheduleIsJudgedByTheFilesThatItLeaves"}, ""},
	{"k3s#12945, k3s#13087", "a snapshot was said to be saved while its upload was skipped, and never tried again", []string{driver + "TestASnapshotIsTheFileAndNotTheProgramsWord", inFleet + "TestARunningClusterOfThreeK3sServersIsTakenIntoCare"}, ""},
	{"k3s#9985", "a time-out was taken for a failure", []string{driver + "TestASnapshotIsTheFileAndNotTheProgramsWord"}, ""},
	{"k3s#10513", "the command asked another server than this machine's", []string{driver + "TestNamesOfFilesStandBehindTheFlags", inFleet + "TestServersWithPathsAndPortsOfTheirOwnAreRestoredWithoutTheFirst"}, ""},
	{"k3s#3799, k3s#8041", "command and server had different directories in mind", []string{driver + "TestANodeIsWhereItsConfigurationSaysItIs", inFleet + "TestServersWithPathsAndPortsOfTheirOwnAreRestoredWithoutTheFirst"}, ""},
	{"k3s#11817", "the distribution's records were stale", []string{driver + "TestAListIsWhatTheProgramKnows"}, ""},
	{"rke2#3178, k3s#8488", "a reset was refused because a server to join was named", []string{driver + "TestTheServerFileBeatsFilesAndEnvironment", driver + "TestACommandLineThatNamesAServerIsReplacedWithoutIt"}, ""},
	{"k3s#5763, k3s#6831", "flags at the restore were others than the cluster's", []string{driver + "TestAResetIsTheServersOwnCommandAndNoSecret", driver + "TestARestoreIsJudgedByWhatTheSnapshotHolds", inFleet + "TestSecretsAreReadAfterARestoreToAnyAgeOfTheirEncryption"}, ""},
	{"rke2#3387, rke2#4707, rke2#968", "a container of etcd that was left blocked the ports", []string{driver + "TestWhoeverListensOnThePortsIsNamed", onStandIns + "TestOneServerOfRKE2IsStoppedFencedAndRestoredWhateverGoesWrongOnTheWay"}, ""},
	{"rke2#4052, k3s#5693", "the other members reached an etcd that was being reset", []string{operation + "TestOneMachineIsRestoredAndTheOthersJoinIt", operation + "TestWhateverHappensNoSecondClusterIsBorn"}, ""},
	{"rke2#5033, k3s#8497", "a wish to leave etcd that stood in the snapshot threw the restored server out", []string{"test/distro/lab: TestThreeServersLoseTheirQuorumAndAreRestoredOneByOne"}, ""},
	{"k3s#3435, rke2#1916", "a machine that was set up anew since the snapshot was refused for its password", []string{inFleet + "TestACaredForClusterOfThreeK3sServersIsRestored"}, ""},
	{"rke2-docs#321", "following the manual erased every snapshot", []string{driver + "TestBelongingsAreWhatARoleHas"}, ""},
	{"rancher#46066", "the script that stops everything looked in the wrong directory", []string{driver + "TestADataDirectoryThatIsALinkIsTheOneThatItLeadsTo", driver + "TestTheScriptIsFoundWhereInstallersPutIt", inFleet + "TestServersWithPathsAndPortsOfTheirOwnAreRestoredWithoutTheFirst"}, ""},
}

func TestWhatUsersHaveRunIntoElsewhereIsTriedHere(t *testing.T) {
	root := filepath.Join("..", "..")
	known := map[string]map[string]bool{}
	for _, lessons := range [][]lesson{ofRestores, ofSnapshots, ofPrograms} {
		for _, l := range lessons {
			if (len(l.tests) == 0) == (l.why == "") {
				t.Errorf("%s: give tests, or why it can't happen", l.issues)
			}
			for _, name := range l.tests {
				dir, test, _ := strings.Cut(name, ": ")
				if known[dir] == nil {
					known[dir] = testsIn(t, filepath.Join(root, dir))
				}
				if !known[dir][test] {
					t.Errorf("%s: there is no test %s in %s", l.issues, test, dir)
				}
			}
		}
	}
}

// testsIn are the names of the tests in a directory.
func testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}
