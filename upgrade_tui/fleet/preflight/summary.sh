kit_all=$((kit_passed + kit_failed + kit_unknown))
kit_words="$kit_passed of $kit_all ok"
[ "$kit_failed" -eq 0 ] || kit_words="$kit_words, $kit_failed failed"
[ "$kit_unknown" -eq 0 ] || kit_words="$kit_words, $kit_unknown could not be found out"
printf '%s: %s\n' "$kit_host" "$kit_words"
[ "$kit_failed" -eq 0 ] || exit 1
[ "$kit_unknown" -eq 0 ] || exit 3
exit 0
