package e2e

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// baseSeed is what all cases follow from; a soak may choose another.
const baseSeed = 1

// rounds runs the first n cases of a suite, each as a subtest that follows from its number alone. The soak asks for
// other ones: HOLDFAST_CASES=20-39 says which, HOLDFAST_SEED which seed, and HOLDFAST_LEDGER names the file that
// remembers how each ended.
func rounds(t *testing.T, suite string, n int, run func(t *testing.T, r *rand.Rand)) {
	t.Helper()
	from, to, seed := chosenCases(t, n)
	for number := from; number <= to; number++ {
		t.Run(strconv.Itoa(number), func(t *testing.T) {
			started := time.Now()
			defer func() { record(t, suite, number, seed, time.Since(started)) }()
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

// ledgerLine is how one case ended, as test/soak reads it.
type ledgerLine struct {
	Suite   string  `json:"suite"`
	Case    int     `json:"case"`
	Seed    uint64  `json:"seed"`
	Held    bool    `json:"held"`
	Seconds float64 `json:"seconds"`
}

func record(t *testing.T, suite string, number int, seed uint64, took time.Duration) {
	t.Helper()
	if t.Failed() {
		test := strings.TrimSuffix(t.Name(), "/"+strconv.Itoa(number))
		t.Logf("once more: HOLDFAST_SEED=%d HOLDFAST_CASES=%d go test ./e2e -count=1 -run '^%s$'",
			seed, number, strings.ReplaceAll(test, "/", "$/^"))
	}
	path := os.Getenv("HOLDFAST_LEDGER")
	if path == "" || t.Skipped() {
		return
	}
	line, err := json.Marshal(ledgerLine{Suite: suite, Case: number, Seed: seed, Held: !t.Failed(), Seconds: took.Seconds()})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
}
