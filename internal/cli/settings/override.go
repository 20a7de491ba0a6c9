package settings

import (
	"errors"
	"strconv"
)

// override is a yes-or-no flag above a setting of the config file: given, it wins, also with =false; left out, it says
// nothing.
type override struct{ given, value bool }

// String, Set and Type make it a flag.
func (o *override) String() string {
	if o.given {
		return strconv.FormatBool(o.value)
	}
	return ""
}

func (o *override) Set(text string) error {
	value, err := strconv.ParseBool(text)
	if err != nil {
		return errors.New("it is true or false")
	}
	o.given, o.value = true, value
	return nil
}

func (o *override) Type() string { return "bool" }

func (o *override) over(below bool) bool {
	if o.given {
		return o.value
	}
	return below
}
