"""The page on which a person answers proposed masks."""
