#pragma once

#include "core/plugin/export.hpp"

/// What the bad plugins have in common: no options, and a name of their own.
struct any_options {};
