package local

// RenameExclusive is for the test of the way that few file systems take.
var RenameExclusive = renameExclusive
