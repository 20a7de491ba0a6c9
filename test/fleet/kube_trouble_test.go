package fleet_test

import "testing"

// Before the commit point a restore is taken back.
func TestTroubleInTheMiddleOfARestoreOfThreeServersIsGotOverOrTakenBack(t *testing.T) {
	t.Parallel()
	for _, f := range soaked() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, f, 3)
			s.put(t, "test-a", "kept")
			t.Run("a token that is another since the checks", s.takesWrongTokenBack)
			t.Run("a snapshot that the token does not open", s.takesUnopenedBack)
		})
	}
}
