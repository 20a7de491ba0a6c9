package e2e

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// baseSeed is what all cases follow from; a soak may choose another.
const baseSeed = 1

// rounds runs the first n cases of a suite, each as a subtest that follows from its number alone. The soak asks for
// other ones: HOLDFAST_CASES=20-39 says which, HOLDFAST_SEED which seed.
func rounds(t *testing.T, suite string, n int, run func(t *testing.T, r *rand.Rand)) {
	t.Helper()
	from, to, seed := chosenCases(t, n)
	for number := from; number <= to; number++ {
		t.Run(strconv.Itoa(number), func(t *testing.T) {
			tell(t, suite, fmt.Sprintf("HOLDFAST_SEED=%d HOLDFAST_CASES=%d ", seed, number), path.Dir(t.Name()))
			name := fnv.New64a()
			fmt.Fprintf(name, "%s/%d", suite, number)
			run(t, rand.New(rand.NewPCG(seed, name.Sum64())))
		})
	}
}

func chosenCases(t *testing.T, n int) (from, to int, seed uint64) {
	t.Helper()
	from, to, seed = 0, n-1, baseSeed
	if cases := os.Getenv("HOLDFAST_CASES"); cases != "" {
		first, last, isRange := strings.Cut(cases, "-")
		if !isRange {
			last = first
		}
		var errs [2]error
		from, errs[0] = strconv.Atoi(first)
		to, errs[1] = strconv.Atoi(last)
		if errs[0] != nil || errs[1] != nil || from > to {
			t.Fatalf("HOLDFAST_CASES=%s: write 7 or 20-39", cases)
		}
	}
	if text := os.Getenv("HOLDFAST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("HOLDFAST_SEED=%s is no number", text)
		}
	}
	return from, to, seed
}

// only is the case of a matrix that a test is: each counts as a round of the suite.
func only(t *testing.T, suite string) {
	t.Helper()
	tell(t, suite, "", t.Name())
}

// tell lets the soak, which reads go test -json, count this test as a round of the suite, and says how to repeat it when
// it fails. The attributes are:
//
//	suite   what the round belongs to
//	stage   what it struck, or where: see struck
//	missed  set when the strike came too late to be one: see struck
//	again   when it failed, the command that repeats it
func tell(t *testing.T, suite, env, test string) {
	t.Helper()
	t.Attr("suite", suite)
	if soak() {
		env = "HOLDFAST_SOAK=1 " + env
	}
	t.Cleanup(func() {
		if t.Failed() {
			again := env + "go test ./e2e -count=1 -run '" + runPattern(test) + "'"
			t.Attr("again", again)
			t.Logf("once more: %s", again)
		}
	})
}

// runPattern is for go test -run: this test and those below it.
func runPattern(test string) string {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

// struck tells the soak at which stage a round struck, and whether it came too late: then it does not count as one.
func struck(t *testing.T, stage string, missed bool) {
	t.Helper()
	t.Attr("stage", stage)
	if missed {
		t.Attr("missed", "it had ended before")
	}
}
