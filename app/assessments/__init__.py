"""Assessments: a team's rating of one implementation, from draft to final."""
