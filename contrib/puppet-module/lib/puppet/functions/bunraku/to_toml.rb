# @summary A hash as TOML, as bunraku.toml wants it.
#
# Keys in the order of their names, so that the same data are the same bytes wherever Hiera merged them. `undef` is left out:
# TOML has no word for it.
Puppet::Functions.create_function(:'bunraku::to_toml') do
  # @param tables What to write.
  # @return The text.
  # @example
  #   bunraku::to_toml({ dns => { srv => true } }) # "\n[dns]\nsrv = true\n"
  dispatch :to_toml do
    param 'Hash[String[1], Data]', :tables
    return_type 'String'
  end

  def to_toml(tables)
    write(tables, [])
  end

  # Plain values first: after the header of a table of its own they would be in that.
  def write(table, path)
    below, plain = table.compact.sort.partition { |_, value| table?(value) || tables?(value) }
    plain.map { |key, value| "#{bare(key)} = #{inline(value)}\n" }.join + below.map { |key, value| headed(path + [key], value) }.join
  end

  def headed(path, value)
    name = path.map { |key| bare(key) }.join('.')
    return value.map { |one| "\n[[#{name}]]\n#{members(one)}" }.join if tables?(value)
    # A table of tables needs no header, one without anything is still there.
    header = value.empty? || value.compact.values.any? { |one| !table?(one) && !tables?(one) } ? "\n[#{name}]\n" : ''
    header + write(value, path)
  end

  # Of an element of an array of tables: what is below it is inline.
  def members(table)
    table.compact.sort.map { |key, value| "#{bare(key)} = #{inline(value)}\n" }.join
  end

  def inline(value)
    case value
    when String then quoted(value)
    when Hash then "{ #{value.compact.sort.map { |key, one| "#{bare(key)} = #{inline(one)}" }.join(', ')} }"
    when Array then "[#{value.map { |one| inline(one) }.join(', ')}]"
    else value.to_s
    end
  end

  def bare(key)
    key.match?(/\A[A-Za-z0-9_-]+\z/) ? key : quoted(key)
  end

  def quoted(text)
    %("#{text.gsub(/["\\\x00-\x1f\x7f]/) { |char| %w[" \\].include?(char) ? "\\#{char}" : format('\u%04X', char.ord) }}")
  end

  def table?(value)
    value.is_a?(Hash)
  end

  def tables?(value)
    value.is_a?(Array) && !value.empty? && value.all?(Hash)
  end
end
