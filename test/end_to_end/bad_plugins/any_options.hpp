#pragma once

#include "core/plugin/plugin.hpp"

/// What the bad plugins have in common: no options, and a name of their own.
struct any_options {};
